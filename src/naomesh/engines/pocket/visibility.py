"""Which photographs see which face, and how well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Camera, Floats, Ints
from naomesh.engines.pocket.scene import reduced
from naomesh.engines.render import rasterise

CANDIDATES = 8
"""Photographs remembered per face, the best ones."""
BORDER_PX = 3
FLATTEST_COSINE = 0.1
OCCLUDED = 0.004
"""A face this share of its depth behind the front surface is hidden."""
DRAWN_AT = 0.5
"""Occlusion is judged in pictures of this size: finer than the mesh, and four times faster."""


@dataclass(frozen=True)
class Candidates:
    """For each face its best photographs: `views` (F, K), -1 for none, and `quality` (F, K), the pixels that the face
    covers there, times the cosine of the angle."""

    views: Ints
    quality: NDArray[np.float32]


def project(vertices: Floats, camera: Camera) -> tuple[Floats, Floats]:
    """Positions in the picture (V, 2), in pixels, and depths (V,)."""
    inside = vertices @ camera.r.T + camera.t
    depth = inside[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (inside @ camera.k.T)[:, :2] / depth[:, None], depth


def candidates(vertices: Floats, faces: Ints, cameras: Iterable[tuple[int, Camera]]) -> Candidates:
    """The best photographs of each face; `cameras` come with their numbers."""
    views = np.full((len(faces), CANDIDATES), -1, dtype=np.int64)
    quality = np.zeros((len(faces), CANDIDATES), dtype=np.float32)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    centres = (a + b + c) / 3
    rows = np.arange(len(faces))
    for index, camera in cameras:
        towards = camera.center - centres
        cosine = (towards * normals).sum(axis=1) / np.linalg.norm(towards, axis=1)
        seen = _quality(vertices, faces, camera, cosine)
        worst = quality.argmin(axis=1)
        better = seen > quality[rows, worst]
        views[rows[better], worst[better]] = index
        quality[rows[better], worst[better]] = seen[better]
    return Candidates(views, quality)


def _quality(vertices: Floats, faces: Ints, camera: Camera, cosine: Floats) -> NDArray[np.float32]:
    xy, depth = project(vertices, camera)
    p = xy[faces]
    inside = (depth > 0)[faces].all(axis=1) & (cosine > FLATTEST_COSINE)
    with np.errstate(invalid="ignore"):
        inside &= (p > BORDER_PX).all(axis=(1, 2))
        inside &= (p < [camera.width - BORDER_PX, camera.height - BORDER_PX]).all(axis=(1, 2))
    rows = np.flatnonzero(inside)
    rows = rows[_unhidden(vertices, faces, rows, camera)]
    p = p[rows]
    u, v = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    quality = np.zeros(len(faces), dtype=np.float32)
    quality[rows] = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) * 0.5 * cosine[rows]
    return quality


def _unhidden(vertices: Floats, faces: Ints, rows: Ints, camera: Camera) -> NDArray[np.bool_]:
    """Whether centre and corners of each face in `rows` are at the front."""
    small = reduced(camera, max(1, round(max(camera.width, camera.height) * DRAWN_AT)))
    front = np.full(small.width * small.height, np.inf)
    drawn = rasterise(vertices, faces, small)
    front[drawn.pixels] = drawn.depth
    corners = vertices[faces[rows]]
    centre = corners.mean(axis=1)
    good = np.ones(len(rows), dtype=np.bool_)
    for point in (centre, *(0.9 * corners[:, corner] + 0.1 * centre for corner in range(3))):
        xy, depth = project(point, small)
        x = np.clip(xy[:, 0].astype(np.int64), 0, small.width - 1)
        y = np.clip(xy[:, 1].astype(np.int64), 0, small.height - 1)
        good &= depth <= front[y * small.width + x] * (1 + OCCLUDED)
    return good
