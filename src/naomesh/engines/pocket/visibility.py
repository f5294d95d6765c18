"""Which photographs see which face, and how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Camera, Floats, Ints
from naomesh.engines.pocket.processes import crew
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


def candidates(
    vertices: Floats, faces: Ints, cameras: tuple[Camera, ...], processes: int, on_done: Callable[[int], None]
) -> Candidates:
    """The best photographs of each face; `on_done` hears how many photographs were looked at."""
    views = np.full((len(faces), CANDIDATES), -1, dtype=np.int64)
    quality = np.zeros((len(faces), CANDIDATES), dtype=np.float32)
    rows = np.arange(len(faces))
    with crew(min(processes, len(cameras)), _hold, (vertices, faces)) as workers:
        for index, seen in enumerate(workers.run_in_order(_quality_of, cameras)):
            worst = quality.argmin(axis=1)
            better = seen > quality[rows, worst]
            views[rows[better], worst[better]] = index
            quality[rows[better], worst[better]] = seen[better]
            on_done(index + 1)
    return Candidates(views, quality)


_held: list[tuple[Floats, Ints]] = []


def _hold(vertices: Floats, faces: Ints) -> None:
    """Keep the mesh in a process of the crew."""
    _held[:] = [(vertices, faces)]


def _quality_of(camera: Camera) -> NDArray[np.float32]:
    """Quality of every face of the mesh that is held."""
    vertices, faces = _held[0]
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    towards = camera.center - (a + b + c) / 3
    cosine = (towards * normals).sum(axis=1) / np.linalg.norm(towards, axis=1)
    return _quality(vertices, faces, camera, cosine)


def _quality(vertices: Floats, faces: Ints, camera: Camera, cosine: Floats) -> NDArray[np.float32]:
    """Quality of every face in one photograph, 0 where it does not show the whole face."""
    xy, depth = project(vertices, camera)
    small, front = _front(vertices, faces, camera)
    with np.errstate(invalid="ignore"):
        good = (depth > 0) & (xy[:, 0] > BORDER_PX) & (xy[:, 0] < camera.width - BORDER_PX)
        good &= (xy[:, 1] > BORDER_PX) & (xy[:, 1] < camera.height - BORDER_PX)
    rows = np.flatnonzero(good)
    good[rows] = _in_front(vertices[rows], small, front)
    a, b, c = (faces[:, corner] for corner in range(3))
    rows = np.flatnonzero((cosine > FLATTEST_COSINE) & good[a] & good[b] & good[c])
    a, b, c = a[rows], b[rows], c[rows]
    whole = _in_front((vertices[a] + vertices[b] + vertices[c]) / 3, small, front)
    u, v = xy[b] - xy[a], xy[c] - xy[a]
    area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    quality = np.zeros(len(faces), dtype=np.float32)
    quality[rows] = np.where(whole, area * cosine[rows], 0)
    return quality


def _front(vertices: Floats, faces: Ints, camera: Camera) -> tuple[Camera, Floats]:
    """A smaller camera, and the depth of the front surface in it (H, W), infinite where there is none."""
    small = reduced(camera, max(1, round(max(camera.width, camera.height) * DRAWN_AT)))
    front = np.full(small.width * small.height, np.inf)
    drawn = rasterise(vertices, faces, small)
    front[drawn.pixels] = drawn.depth
    return small, front.reshape(small.height, small.width)


def _in_front(points: Floats, camera: Camera, front: Floats) -> NDArray[np.bool_]:
    """Whether each point, which must lie before the camera, is not behind the front surface."""
    xy, depth = project(points, camera)
    x = np.clip(xy[:, 0].astype(np.int64), 0, camera.width - 1)
    y = np.clip(xy[:, 1].astype(np.int64), 0, camera.height - 1)
    return np.asarray(depth <= front[y, x] * (1 + OCCLUDED))
