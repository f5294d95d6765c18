"""Step 2: which photographs to match with which.

All with all where they are few; else each with its successors in the order of names and with those that look most
like it. Likeness is the cosine of VLAD descriptors (Jégou et al. 2010) over a vocabulary made of the photographs' own
features, so that nothing has to be downloaded.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.base import Facts
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.run import SEED, Run
from naomesh.engines.pocket.steps import FEATURES, PAIRS

Vectors = NDArray[np.float32]

SUCCESSORS = 4
"""Photographs after each one that it is matched with, whatever they look like."""
WORDS = 32
WORDS_FEATURES = 20_000
"""Features from which the vocabulary is made."""
ROUNDS = 8


def run(run: Run) -> Facts:
    """Write one pair of file names per line."""
    with pycolmap.Database.open(FEATURES) as database:
        images = sorted(database.read_all_images(), key=lambda image: image.name)
        names = [image.name for image in images]
        if len(names) <= run.preset.neighbours * 2 + 1:
            pairs = set(combinations(range(len(names)), 2))
            say_progress(len(names), len(names))
        else:
            features = [_descriptors(database, image.image_id) for image in images]
            pairs = likely_pairs(features, run.preset.neighbours)
    text = "".join(f"{names[a]} {names[b]}\n" for a, b in sorted(pairs))
    Path(PAIRS).write_text(text, encoding="utf-8")
    return {"photos": len(names), "pairs": len(pairs)}


def likely_pairs(features: list[Vectors], neighbours: int) -> set[tuple[int, int]]:
    """Pairs (a, b), a < b, of photographs with `features` (N, 128) each: successors and most alike."""
    vocabulary = _vocabulary(features)
    described = []
    for done, one in enumerate(features, start=1):
        described.append(_vlad(one, vocabulary))
        say_progress(done, len(features))
    likeness = np.stack(described) @ np.stack(described).T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : max(1, neighbours - SUCCESSORS)]
    count = len(features)
    pairs = {(a, b) for a in range(count) for b in range(a + 1, min(a + 1 + SUCCESSORS, count))}
    for a, row in enumerate(nearest.tolist()):
        pairs.update((min(a, b), max(a, b)) for b in row)
    return pairs


def _descriptors(database: pycolmap.Database, image_id: int) -> Vectors:
    stored = database.read_descriptors(image_id)
    return np.asarray(getattr(stored, "data", stored), dtype=np.float32).reshape(-1, 128)


def _vocabulary(features: list[Vectors]) -> Vectors:
    """`WORDS` cluster centres (k-means)."""
    random = np.random.default_rng(SEED)
    share = max(1, WORDS_FEATURES // len(features))
    some = np.concatenate([one[random.permutation(len(one))[:share]] for one in features])
    centres = some[random.permutation(len(some))[:WORDS]].copy()
    for _ in range(ROUNDS):
        nearest = _nearest(some, centres)
        for word in range(len(centres)):
            members = some[nearest == word]
            if len(members):
                centres[word] = members.mean(axis=0)
    return centres


def _vlad(features: Vectors, vocabulary: Vectors) -> Vectors:
    """The sum of differences to the nearest word, per word, with square roots and unit length: (WORDS * 128,)."""
    described = np.zeros_like(vocabulary)
    if len(features):
        nearest = _nearest(features, vocabulary)
        np.add.at(described, nearest, features - vocabulary[nearest])
    rooted = np.sign(described) * np.sqrt(np.abs(described))
    return np.asarray((rooted / max(float(np.linalg.norm(rooted)), 1e-9)).ravel(), dtype=np.float32)


def _nearest(features: Vectors, centres: Vectors) -> NDArray[np.intp]:
    distance = (centres**2).sum(axis=1)[None, :] - 2 * features @ centres.T
    return np.asarray(distance.argmin(axis=1))
