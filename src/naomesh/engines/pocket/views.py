"""A view and its sources as depth is computed from them: grey pictures, and how they lie to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from naomesh.engines.mesh import Camera, Floats
from naomesh.engines.pocket.scene import Grey, Scene, read_grey, reduced

HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""Cameras put pixel centres at 0.5 (COLMAP), OpenCV's warps at 0."""
KEPT = 24
"""Pictures that a process remembers."""


@dataclass(frozen=True)
class Source:
    """Where a pixel (x, y) of the reference at inverse depth w lies in this source: (x, y, 1) h + w t, then divided.

    `grey` (H, W); `h` (3, 3); `t` (3,).
    """

    grey: Grey
    h: Floats
    t: Floats


@dataclass(frozen=True)
class View:
    """The reference: `grey` (H, W), its sources, and the range of inverse depth to search."""

    camera: Camera
    grey: Grey
    sources: tuple[Source, ...]
    nearest: float
    """Inverse depth of the nearest surface to expect."""
    farthest: float

    def disparity_px(self) -> float:
        """How far the picture's centre moves from the farthest to the nearest depth, in the widest source."""
        centre = np.array([self.camera.width / 2, self.camera.height / 2, 1.0])
        moves = []
        for source in self.sources:
            near, far = (_divided(source.h @ centre + w * source.t) for w in (self.nearest, self.farthest))
            moves.append(float(np.linalg.norm(near - far)))
        return max(moves)


def view_of(scene: Scene, index: int, side_px: int, count: int) -> View | None:
    """The view `index` with its best `count` sources, all at most `side_px` long; None where it has no source."""
    neighbours = scene.neighbours(index, count)
    if not neighbours:
        return None
    near, far = scene.depth_range(index)
    camera = reduced(scene.cameras[index], side_px)
    sources = tuple(_source(camera, scene.cameras[other], side_px) for other in neighbours)
    return View(camera, _grey(scene.cameras[index], side_px), sources, 1 / near, 1 / far)


def _source(camera: Camera, whole: Camera, side_px: int) -> Source:
    other = reduced(whole, side_px)
    r = other.r @ camera.r.T
    k = other.k - HALF_PIXEL
    return Source(_grey(whole, side_px), k @ r @ np.linalg.inv(camera.k - HALF_PIXEL), k @ (other.t - r @ camera.t))


def _grey(camera: Camera, side_px: int) -> Grey:
    """The photograph in grey. Neighbours ask for the same ones in turn, so the last ones are kept."""
    key = (camera.name, side_px)
    if key not in _kept:
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = read_grey(reduced(camera, side_px))
    _kept[key] = _kept.pop(key)
    return _kept[key]


_kept: dict[tuple[str, int], Grey] = {}


def _divided(x: Floats) -> Floats:
    return np.asarray(x[:2] / x[2])
