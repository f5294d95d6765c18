"""Semi-global matching (Hirschmüller 2008) over a cost volume, in numpy: whole lines of the picture at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.pocket.scene import Grey
from naomesh.engines.pocket.sweep import COST_SCALE

Costs = NDArray[np.uint8]
Sums = NDArray[np.uint16]

SMALL_STEP = 6
"""Penalty for a step of one plane between neighbours."""
LARGE_STEP = 60
"""Penalty for a larger step where the picture is even; less across an edge, in proportion to its contrast."""
EVEN_BELOW = 8
"""Difference in grey up to which the picture counts as even."""
_BEYOND = 20_000


def best_planes(costs: Costs, grey: Grey, paths: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The plane of each pixel, to a fraction (H, W), and the correlation there, -1 for none (H, W).

    `costs` (H, W, D); `paths` 4 or 8.
    """
    sums = np.zeros(costs.shape, dtype=np.uint16)
    levels = grey.astype(np.int16)
    height, width = grey.shape
    for order in (range(height), range(height - 1, -1, -1)):
        for shift in (0,) if paths == 4 else (0, 1, -1):
            _walk(costs, sums, levels, order, shift)
    turned = np.ascontiguousarray(costs.transpose(1, 0, 2))
    turned_sums = np.zeros(turned.shape, dtype=np.uint16)
    for order in (range(width), range(width - 1, -1, -1)):
        _walk(turned, turned_sums, np.ascontiguousarray(levels.T), order, 0)
    del turned
    sums += turned_sums.transpose(1, 0, 2)
    return _winners(costs, sums)


def _walk(costs: Costs, sums: Sums, levels: NDArray[np.int16], order: Iterable[int], shift: int) -> None:
    """Add the costs of one direction: along the first axis in `order`, moving by `shift` along the second."""
    penalties = _penalties()
    lines = iter(order)
    previous = next(lines)
    _, count, planes = costs.shape
    path = np.full((count, planes + 2), _BEYOND, dtype=np.int16)
    following = path.copy()
    step = np.empty((count, planes), dtype=np.int16)
    path[:, 1:-1] = costs[previous]
    sums[previous] += costs[previous]
    for line in lines:
        before = path
        contrast = np.abs(levels[line] - _shifted(levels[previous], shift))
        if shift:
            before = _shifted(path, shift)
            before[0 if shift > 0 else -1, 1:-1] = 0
        inner = before[:, 1:-1]
        least = inner.min(axis=1)
        np.minimum(before[:, :-2], before[:, 2:], out=step)
        step += SMALL_STEP
        np.minimum(step, inner, out=step)
        np.minimum(step, (least + penalties[contrast])[:, None], out=step)
        step -= least[:, None]
        step += costs[line]
        sums[line] += step.view(np.uint16)
        following[:, 1:-1] = step
        path, following = following, path
        previous = line


def _shifted(lines: NDArray[np.int16], shift: int) -> NDArray[np.int16]:
    return np.roll(lines, shift, axis=0) if shift else lines


def _penalties() -> NDArray[np.int16]:
    """The large step's penalty by the difference in grey."""
    contrast = np.maximum(np.arange(256), EVEN_BELOW)
    return np.asarray(np.maximum(SMALL_STEP + 1, LARGE_STEP * EVEN_BELOW // contrast), dtype=np.int16)


def _winners(costs: Costs, sums: Sums) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    planes = costs.shape[2]
    best = sums.argmin(axis=2)
    inside = (best > 0) & (best < planes - 1)
    best = np.clip(best, 1, planes - 2)
    below, here, above = (_take(sums, best + offset).astype(np.float32) for offset in (-1, 0, 1))
    bend = below + above - 2 * here
    fraction = np.where(bend > 0, 0.5 * (below - above) / np.maximum(bend, 1), 0)
    score = 1 - _take(costs, best).astype(np.float32) / COST_SCALE
    return (best + fraction).astype(np.float32), np.where(inside, score, -1).astype(np.float32)


def _take(volume: NDArray[np.generic], index: NDArray[np.intp]) -> NDArray[np.generic]:
    return np.take_along_axis(volume, index[..., None], axis=2)[..., 0]
