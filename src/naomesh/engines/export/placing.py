"""Standing the model on the ground: Y up, the side that was photographed to the front, the lowest point at 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from naomesh.engines.mesh import Camera, Floats, TexturedMesh
from naomesh.errors import StepFailed

_ONE_SIDED = 0.25
"""Cameras all around have a mean direction shorter than this; then the first one's side is the front."""


def placed(model: TexturedMesh) -> TexturedMesh:
    """The model in glTF's axes: Y up, +Z to the front, the middle above the origin, standing at height 0.

    Corners that no face uses and faces without area are dropped; the cameras move along.

    :raises StepFailed: there is no face (`no-surface`).
    """
    model = _cleaned(model)
    rotation = _rotation(model)
    turned = model.vertices @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    shift = -np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    cameras = tuple(_moved(camera, rotation, shift) for camera in model.cameras)
    return replace(model, vertices=turned + shift, up=np.array([0.0, 1.0, 0.0]), cameras=cameras)


def middle_of(model: TexturedMesh) -> Floats:
    """The middle of the surface (3,): the mean of its points, each counting by its area."""
    a, b, c = (model.vertices[model.faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return np.asarray(np.average((a + b + c) / 3, axis=0, weights=area))


def _cleaned(model: TexturedMesh) -> TexturedMesh:
    a, b, c = (model.vertices[model.faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    kept = np.isfinite(area) & (area > 0)
    if not kept.any():
        raise StepFailed("The model has no surface.", mend="Photograph it with more overlap.", code="no-surface")
    used, faces = np.unique(model.faces[kept], return_inverse=True)
    return replace(model, vertices=model.vertices[used], faces=faces.reshape(-1, 3), uv_faces=model.uv_faces[kept])


def _rotation(model: TexturedMesh) -> Floats:
    up = model.up / max(float(np.linalg.norm(model.up)), 1e-12)
    front = _front(model)
    front = front - up * (front @ up)
    if np.linalg.norm(front) < 1e-6:
        front = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    front = front / np.linalg.norm(front)
    return np.stack([np.cross(up, front), up, front])


def _front(model: TexturedMesh) -> Floats:
    """The direction from the model to its photographers."""
    if not model.cameras:
        return np.zeros(3)
    away = np.array([camera.center for camera in model.cameras]) - middle_of(model)
    away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
    mean = away.mean(axis=0)
    return np.asarray(mean if np.linalg.norm(mean - model.up * (mean @ model.up)) > _ONE_SIDED else away[0])


def _moved(camera: Camera, rotation: Floats, shift: Floats) -> Camera:
    r = camera.r @ rotation.T
    return replace(camera, r=r, t=camera.t - r @ shift)
