"""A picture of the model that one likes to look at, from about where its photographs were taken."""

from __future__ import annotations

import numpy as np

from naomesh.engines.export.placing import middle_of
from naomesh.engines.mesh import Bytes, Camera, Floats, TexturedMesh
from naomesh.engines.render import compose, look_at, rasterise, sample, scaled, vertex_normals

SIZE = (1280, 960)
_OVERSAMPLE = 2
_FOCAL_PER_WIDTH = 1.5
_ASIDE_DEG = 18.0
"""How far the view goes around from the front: an oblique view shows depth."""
_LOWEST_DEG, _HIGHEST_DEG = 12.0, 35.0
_FILLED = 0.88
_LIGHT = np.array([-0.45, -0.75, -0.5])
_MIDDLE, _BORDER = np.array([246.0, 246.0, 244.0]), np.array([206.0, 209.0, 213.0])


def preview(model: TexturedMesh, size: tuple[int, int] = SIZE) -> Bytes:
    """A picture (H, W, 3) of a model that stands as `placing.placed` puts it."""
    camera = viewpoint(model, size)
    fine = scaled(camera, _OVERSAMPLE)
    seen = rasterise(model.vertices, model.faces, fine)
    height, width = model.texture.shape[:2]
    uv = seen.interpolate(model.uv, model.uv_faces)
    colours = sample(model.texture, uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5)
    normals = seen.interpolate(vertex_normals(model.vertices, model.faces), model.faces) @ camera.r.T
    facing = np.abs(normals @ (_LIGHT / np.linalg.norm(_LIGHT))) / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    picture = compose(seen, colours * (0.84 + 0.22 * facing)[:, None], fine, (0, 0, 0), _OVERSAMPLE)
    backdrop = _backdrop(size) * (1 - picture.covered[..., None])
    return np.clip(np.rint(picture.rgb + backdrop), 0, 255).astype(np.uint8)


def viewpoint(model: TexturedMesh, size: tuple[int, int] = SIZE) -> Camera:
    """A camera a little to the side of the front, as high as the photographers stood, that has the model in full."""
    width, height = size
    aside, above = np.radians(_ASIDE_DEG), np.radians(_elevation_deg(model))
    away = np.array([np.sin(aside) * np.cos(above), np.sin(above), np.cos(aside) * np.cos(above)])
    focal = _FOCAL_PER_WIDTH * width
    k = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    up = np.array([0.0, 1.0, 0.0])
    middle = (model.vertices.min(axis=0) + model.vertices.max(axis=0)) / 2
    distance = 2 * float(np.linalg.norm(model.vertices - middle, axis=1).max())
    r, _ = look_at(middle + away, middle, up)
    for _ in range(8):
        inside = (model.vertices - middle - away * distance) @ r.T
        xy = inside[:, :2] / np.maximum(inside[:, 2:], 1e-6 * distance)
        low, high = xy.min(axis=0), xy.max(axis=0)
        filled = float(max((high - low) * focal / (width, height)))
        middle = middle + ((low + high) / 2 * distance) @ r[:2]
        distance *= filled / _FILLED
    return Camera("preview", k, r, -r @ (middle + away * distance), width, height)


def _elevation_deg(model: TexturedMesh) -> float:
    """The photographers' median height above the horizon, kept within what looks good."""
    if not model.cameras:
        return 20.0
    away = np.array([camera.center for camera in model.cameras]) - middle_of(model)
    elevations = np.degrees(np.arctan2(away[:, 1], np.hypot(away[:, 0], away[:, 2])))
    return float(np.clip(np.median(elevations), _LOWEST_DEG, _HIGHEST_DEG))


def _backdrop(size: tuple[int, int]) -> Floats:
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    share = np.clip((x**2 + y**2) / 2, 0, 1)[..., None]
    return np.asarray((1 - share) * _MIDDLE + share * _BORDER)
