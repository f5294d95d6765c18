"""One photograph for each face: the best one, but with neighbours in the same photograph where little is lost.

The energy is that of Lempitsky and Ivanov 2007 (a data term, and a constant for each edge between two photographs); it
is lowered by iterated conditional modes on random halves of the faces, which numpy does all at once.
"""

from __future__ import annotations

import numpy as np

from naomesh.engines.mesh import Ints
from naomesh.engines.pocket.run import SEED
from naomesh.engines.pocket.visibility import Candidates

SEAM = 0.6
"""What an edge between two photographs costs; a face at half the best quality costs 0.5."""
ROUNDS = 40


def choose_views(candidates: Candidates, pairs: Ints) -> Ints:
    """The photograph of each face, -1 where none sees it: (F,). `pairs` (P, 2) are the neighbouring faces."""
    views, quality = candidates.views, candidates.quality
    best = quality.max(axis=1)
    seen = best > 0
    cost = np.where(quality > 0, 1 - quality / np.maximum(best, 1e-9)[:, None], np.inf)
    chosen = np.where(seen, np.take_along_axis(views, quality.argmax(axis=1)[:, None], axis=1)[:, 0], -1)
    neighbours = _neighbours(len(views), pairs)
    random = np.random.default_rng(SEED)
    for _ in range(ROUNDS):
        active = np.flatnonzero(seen & (random.random(len(views)) < 0.5))
        around = np.where(neighbours[active] >= 0, chosen[neighbours[active]], -2)
        agreeing = (views[active][:, :, None] == around[:, None, :]).sum(axis=2)
        energy = cost[active] - SEAM * agreeing
        new = np.take_along_axis(views[active], energy.argmin(axis=1)[:, None], axis=1)[:, 0]
        own = np.where(views[active] == chosen[active][:, None], energy, np.inf).min(axis=1)
        chosen[active] = np.where(energy.min(axis=1) < own - 1e-9, new, chosen[active])
    return chosen


def _neighbours(count: int, pairs: Ints) -> Ints:
    """Up to three neighbours of each face, -1 for none: (F, 3)."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    first = np.searchsorted(both[:, 0], both[:, 0])
    slot = np.arange(len(both)) - first
    kept = slot < 3
    table = np.full((count, 3), -1, dtype=np.int64)
    table[both[kept, 0], slot[kept]] = both[kept, 1]
    return table
