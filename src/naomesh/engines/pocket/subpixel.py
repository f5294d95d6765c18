"""Sub-pixel refinement of a depth map: the matching windows follow the surface found so far.

A plane sweep with planes two pixels apart leaves ripples, and fronto-parallel windows lean; here each source is sampled
through the whole current surface, a little nearer and a little farther, and a parabola through the three correlations
tells where to go. Between the rounds a bilateral filter of the inverse depth (in which planes are linear, and so kept)
takes out what is not shared by neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.pocket.scene import Grey
from naomesh.engines.pocket.views import Source, View

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

NOISE = 4.0
FILTER_PX = 4.0
"""Differences of disparity up to about this are filtered, larger ones are edges."""
FILTER_REACH_PX = 1.5
LEAST_CORRELATION = 0.4
WORST_SOURCE = 0.3
"""A source that correlates less than this counts for nothing."""


@dataclass(frozen=True)
class _Rays:
    """`x`, `y`, `z` (H, W) with t (3,): a source's homogeneous position of each pixel at inverse depth w is
    (x, y, z) + w t."""

    grey: Grey
    x: Map
    y: Map
    z: Map
    t: NDArray[np.float32]


def refine(view: View, inverse: Map, valid: Mask, window: int, steps_px: tuple[float, ...]) -> tuple[Map, Mask]:
    """Refined inverse depth (H, W) and where it holds (H, W).

    `window`: side of the square in which pictures are compared and depths filtered; `steps_px`: how far each round
    looks to either side, in pixels of the widest source.
    """
    size = (window, window)
    pixel = (view.nearest - view.farthest) / max(view.disparity_px(), 1e-9)
    surface = np.where(valid, (inverse - view.farthest) / pixel, 0).astype(np.float32)  # in pixels of disparity
    rays = [_rays(view, source) for source in view.sources]
    mean = np.asarray(cv2.blur(view.grey, size), dtype=np.float32)
    variance = np.asarray(cv2.blur(view.grey * view.grey, size) - mean * mean, dtype=np.float32)
    best = np.zeros_like(surface)
    for step in steps_px:
        smooth = _filtered(surface, valid, window, FILTER_PX)
        tried = [_inverse(view, (smooth + offset).astype(np.float32), pixel) for offset in (-step, 0.0, step)]
        scores = [[_score(view.grey, mean, variance, ray, inverse, size) for inverse in tried] for ray in rays]
        move, best = _parabola(scores)
        surface = np.where(valid, smooth + move * np.float32(step), 0).astype(np.float32)
    valid = valid & (best > LEAST_CORRELATION)
    surface = _filtered(surface, valid, window, FILTER_PX / 2)
    return _inverse(view, surface, pixel), valid


def _inverse(view: View, surface: NDArray[np.floating], pixel: float) -> Map:
    """Inverse depth of a surface given in pixels of disparity."""
    return np.asarray(surface * np.float32(pixel) + np.float32(view.farthest), dtype=np.float32)


def _rays(view: View, source: Source) -> _Rays:
    height, width = view.grey.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    h = source.h.astype(np.float32)
    u, v, w = (np.asarray(h[i, 0] * x + h[i, 1] * y + h[i, 2]) for i in range(3))
    return _Rays(source.grey, u, v, w, source.t.astype(np.float32))


def _score(grey: Grey, mean: Map, variance: Map, ray: _Rays, inverse: Map, size: tuple[int, int]) -> Map:
    """Correlation of the reference with the source seen through the surface `inverse`."""
    z = ray.z + inverse * ray.t[2]
    moved = cv2.remap(ray.grey, (ray.x + inverse * ray.t[0]) / z, (ray.y + inverse * ray.t[1]) / z, cv2.INTER_LINEAR)
    mean_moved = cv2.blur(moved, size)
    variance_moved = cv2.blur(moved * moved, size) - mean_moved * mean_moved
    covariance = cv2.blur(grey * moved, size) - mean * mean_moved
    return np.asarray(covariance / np.sqrt(np.maximum(variance * variance_moved, 0) + NOISE**4), dtype=np.float32)


def _parabola(scores: list[list[Map]]) -> tuple[Map, Map]:
    """The move, -1..1 steps, to the top of the parabola through the three mean correlations, and the best of them."""
    weights = [np.clip(np.maximum(np.maximum(*pair[:2]), pair[2]) - WORST_SOURCE, 1e-3, 1) ** 2 for pair in scores]
    total = np.sum(weights, axis=0)
    below, here, above = (
        np.sum([weight * pair[k] for weight, pair in zip(weights, scores, strict=True)], axis=0) / total
        for k in range(3)
    )
    bend = 2 * here - below - above
    move = np.where(bend > 1e-4, 0.5 * (above - below) / np.maximum(bend, 1e-4), np.sign(above - below))
    return np.clip(move, -1, 1).astype(np.float32), np.maximum(np.maximum(below, here), above)


def _filtered(surface: Map, valid: Mask, window: int, reach_px: float) -> Map:
    """Bilateral filter over the valid pixels; the others are far off, and so do not mix in."""
    masked = np.where(valid, surface, np.float32(-20 * FILTER_PX)).astype(np.float32)
    smooth = cv2.bilateralFilter(masked, window, reach_px, FILTER_REACH_PX)
    return np.asarray(np.where(valid, smooth, surface), dtype=np.float32)
