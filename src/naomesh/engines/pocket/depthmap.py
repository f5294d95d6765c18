"""One photograph's depth map: computed, kept on disk as 16-bit inverse depth, and read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Camera
from naomesh.engines.pocket.presets import Preset
from naomesh.engines.pocket.scene import Scene
from naomesh.engines.pocket.sgm import best_planes
from naomesh.engines.pocket.steps import DEPTH
from naomesh.engines.pocket.subpixel import refine
from naomesh.engines.pocket.sweep import cost_volume, inverse_depths
from naomesh.engines.pocket.views import View, view_of

LEAST_CORRELATION = 0.35
COARSE_WINDOW = 5
COARSE_STEPS_PX = (1.5, 1.0, 1.0)
"""Of the refinement at the size of the search, as in `Preset`."""
_LEVELS = 65_534


@dataclass(frozen=True)
class DepthMap:
    """`depth` (H, W), 0 where there is none, along the optical axis of `camera`, whose size it has."""

    camera: Camera
    depth: NDArray[np.float32]


def compute_depth(scene: Scene, index: int, preset: Preset) -> tuple[View, NDArray[np.float32]] | None:
    """The view at `depth_px` and its inverse depth, 0 where there is none; None where the view has no neighbour."""
    coarse = view_of(scene, index, preset.sweep_px, preset.sources)
    if coarse is None:
        return None
    planes = inverse_depths(coarse, preset.planes)
    plane, score = best_planes(cost_volume(coarse, planes), coarse.grey, preset.paths)
    valid = score > LEAST_CORRELATION
    inverse = (planes[0] + plane * (planes[1] - planes[0])).astype(np.float32)
    view: View | None = coarse
    if preset.depth_px > preset.sweep_px:
        inverse, valid = refine(coarse, inverse, valid, window=COARSE_WINDOW, steps_px=COARSE_STEPS_PX)
        view = view_of(scene, index, preset.depth_px, preset.sources)
        assert view is not None  # noqa: S101 it had sources a line ago
        size = (view.camera.width, view.camera.height)
        inverse = np.asarray(_enlarged(inverse, valid, size), dtype=np.float32)
        valid = inverse > 0
    assert view is not None  # noqa: S101
    inverse, valid = refine(view, inverse, valid, window=preset.window, steps_px=preset.steps_px)
    valid &= (inverse > view.farthest / 2) & (inverse < view.nearest * 2)
    return view, np.where(valid, inverse, 0).astype(np.float32)


def write_depth(view: View, inverse: NDArray[np.float32]) -> None:
    """Keep an inverse depth map, 0 where there is none, as 16 bits between its extremes: finer than a hundredth of a
    pixel of disparity."""
    valid = inverse > 0
    low, high = (float(inverse[valid].min()), float(inverse[valid].max())) if valid.any() else (0.0, 1.0)
    scale = (high - low) / _LEVELS or 1.0
    levels = np.where(valid, np.rint((inverse - low) / scale) + 1, 0).astype(np.uint16)
    # Differences along the rows compress several times better than the levels themselves; they wrap around.
    differences = np.diff(levels, axis=1, prepend=np.uint16(0))
    path = depth_path(view.camera.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, differences=differences, low=low, scale=scale)


def read_depth(camera: Camera) -> DepthMap | None:
    """The depth map of a photograph, with the camera at its size; None where there is none."""
    path = depth_path(camera.name)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        levels = np.cumsum(stored["differences"], axis=1, dtype=np.uint16)
        inverse = stored["low"] + (levels.astype(np.float64) - 1) * stored["scale"]
    height, width = levels.shape
    k = np.diag([width / camera.width, height / camera.height, 1.0]) @ camera.k
    depth = np.where(levels > 0, 1 / np.maximum(inverse, 1e-12), 0).astype(np.float32)
    return DepthMap(Camera(camera.name, k, camera.r, camera.t, width, height), depth)


def depth_path(name: str) -> Path:
    """Where the depth map of photograph `name` is kept."""
    return Path(DEPTH, Path(name).stem + ".npz")


def _enlarged(inverse: NDArray[np.float32], valid: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.float32]:
    """Linear between valid neighbours, nearest where one of them is not, 0 where the nearest is not."""
    masked = np.where(valid, inverse, 0).astype(np.float32)
    weight = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    linear = cv2.resize(masked, size, interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(masked, size, interpolation=cv2.INTER_NEAREST)
    return np.where(weight > 0.999, linear, nearest).astype(np.float32)
