"""Plane sweep: how alike the views look when the reference is projected through planes of constant depth.

Collins 1996; the score is normalised cross-correlation in a square window, and of the sources the better half counts,
so that a surface hidden in some of them still scores.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.pocket.scene import Grey
from naomesh.engines.pocket.views import View

WINDOW = (7, 7)
NOISE = 4.0
"""Standard deviation, in grey levels, below which a window says nothing."""
FEWEST_PLANES = 32
SHORTEST_STEP_PX = 1.0
"""Planes are no closer than this move in the widest source: the refinement does the rest."""
COST_SCALE = 100
"""Cost 0 is a perfect match, 100 no correlation, 200 the opposite."""


def inverse_depths(view: View, most: int) -> NDArray[np.float64]:
    """The planes: evenly spaced in inverse depth, which is evenly in the sources' pixels."""
    count = int(np.clip(np.ceil(view.disparity_px() / SHORTEST_STEP_PX), min(FEWEST_PLANES, most), most))
    return np.linspace(view.farthest, view.nearest, count)


def cost_volume(view: View, planes: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cost of each pixel at each plane: (H, W, D)."""
    height, width = view.grey.shape
    mean = _blurred(view.grey)
    variance = _blurred(view.grey * view.grey) - mean * mean + NOISE * NOISE
    scale = np.asarray(1 / np.sqrt(np.maximum(variance, NOISE * NOISE)), dtype=np.float32)
    volume = np.empty((len(planes), height, width), dtype=np.uint8)
    side = np.array([0.0, 0.0, 1.0])
    for row, inverse in enumerate(planes):
        scores = []
        for source in view.sources:
            warp = source.h + inverse * np.outer(source.t, side)
            moved = cv2.warpPerspective(
                source.grey, warp, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            scores.append(_correlation(view.grey, mean, scale, np.asarray(moved, dtype=np.float32)))
        # 1 - score, scaled, rounded and held within 8 bits, in one pass.
        volume[row] = cv2.convertScaleAbs(np.minimum(better_half(scores), 1) - 1, alpha=COST_SCALE)
    return np.ascontiguousarray(volume.transpose(1, 2, 0))


def better_half(scores: list[Grey]) -> Grey:
    """The mean of the higher half of the scores, pixel by pixel."""
    if len(scores) == 1:
        return scores[0]
    if len(scores) == 4:  # a sorting network is several times faster than sorting
        a, b, c, d = scores
        high, low = np.maximum(a, b), np.minimum(a, b)
        other_high, other_low = np.maximum(c, d), np.minimum(c, d)
        second = np.maximum(np.minimum(high, other_high), np.maximum(low, other_low))
        return np.asarray(0.5 * (np.maximum(high, other_high) + second), dtype=np.float32)
    kept = (len(scores) + 1) // 2
    return np.asarray(np.sort(np.stack(scores), axis=0)[-kept:].mean(axis=0), dtype=np.float32)


def _correlation(a: Grey, mean_a: Grey, scale_a: Grey, b: Grey) -> Grey:
    """`scale_a` is one over the deviation of `a`; `b` is used up."""
    mean_b = _blurred(b)
    variance_b = _blurred(b * b)
    variance_b -= mean_b * mean_b
    np.maximum(variance_b, 0, out=variance_b)
    variance_b += NOISE * NOISE
    b *= a
    score = _blurred(b)
    mean_b *= mean_a
    score -= mean_b
    score *= scale_a
    score /= np.sqrt(variance_b, out=variance_b)
    return score


def _blurred(image: Grey) -> Grey:
    return np.asarray(cv2.blur(image, WINDOW), dtype=np.float32)
