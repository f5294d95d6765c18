"""One brightness for all photographs, and a colour for what none of them shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from naomesh.engines.mesh import Bytes, Camera, Floats, Ints
from naomesh.engines.pocket.run import SEED
from naomesh.engines.pocket.topology import neighbour_mean
from naomesh.engines.pocket.visibility import Candidates, project

SAMPLES = 20_000
BLUR = (9, 9)
ROUNDS = 12
SPREADING = 60
"""Rounds in which colour spreads from seen faces to unseen ones."""


def view_gains(
    vertices: Floats,
    faces: Ints,
    candidates: Candidates,
    cameras: Iterable[tuple[int, Camera]],
    read: Callable[[Camera], Bytes],
) -> Floats:
    """Factors (C, 3) that bring the photographs to one exposure and white balance: those under which a face looks the
    same in all the photographs that show it (medians, in the logarithm)."""
    random = np.random.default_rng(SEED)
    some = random.permutation(len(faces))[:SAMPLES]
    centres = vertices[faces[some]].mean(axis=1)
    views = candidates.views[some]
    logs = np.full((*views.shape, 3), np.nan)
    count = 0
    for index, camera in cameras:
        count = max(count, index + 1)
        row, slot = np.nonzero(views == index)
        if not len(row):
            continue
        xy, _ = project(centres[row], camera)
        blurred = cv2.blur(read(camera), BLUR)
        x, y = xy[:, 0].astype(np.int64), xy[:, 1].astype(np.int64)
        logs[row, slot] = np.log(blurred[y, x].astype(np.float64) + 1)
    gains = np.zeros((count, 3))
    shared = np.isfinite(logs[..., 0]).sum(axis=1) >= 2
    logs, views = logs[shared], views[shared]
    for _ in range(ROUNDS):
        even = logs + gains[np.maximum(views, 0)]
        off = np.nanmean(even, axis=1, keepdims=True) - even if len(even) else even
        for index in range(count):
            own = off[views == index]
            if len(own):
                gains[index] += 0.7 * np.median(own, axis=0)
        gains -= gains.mean(axis=0)
    return np.exp(gains)


def spread_colours(faces: Ints, vertex_count: int, seen: Ints, colours: Floats) -> Floats:
    """A colour for each vertex (V, 3), from the faces `seen` (rows) with their `colours` (N, 3), spread over the
    mesh."""
    corners = faces[seen].ravel()
    count = np.bincount(corners, minlength=vertex_count)
    summed = np.stack(
        [np.bincount(corners, np.repeat(colours[:, k], 3), minlength=vertex_count) for k in range(3)], axis=1
    )
    known = count > 0
    fallback = colours.mean(axis=0) if len(colours) else np.full(3, 128.0)
    value = np.where(known[:, None], summed / np.maximum(count, 1)[:, None], 0)
    weight = known.astype(np.float64)
    mean = neighbour_mean(faces, vertex_count)
    for _ in range(SPREADING):
        spread, share = mean @ (value * weight[:, None]), mean @ weight
        fresh = ~known & (share > 1e-12)
        value[fresh] = spread[fresh] / share[fresh, None]
        weight[fresh] = np.minimum(share[fresh] * 4, 1)
    value[~known & (weight == 0)] = fallback
    return value
