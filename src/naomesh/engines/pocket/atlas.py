"""The texture's layout: charts (connected faces of one photograph), packed on shelves, tallest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Bytes, Floats, Ints
from naomesh.engines.pocket.topology import components

PADDING_PX = 3
"""Of the photograph around each chart, so that neighbours do not bleed in when the texture is sampled."""


PLAIN_PX = 4
"""Side of the square that a face gets which no photograph shows."""
SMALLEST_SCALE = 0.05


@dataclass(frozen=True)
class Charts:
    """`of_face` (F,), -1 where no photograph sees the face; `view` (N,) of each chart; `boxes` (N, 4) x, y, width and
    height of each chart in its photograph."""

    of_face: Ints
    view: Ints
    boxes: Ints


@dataclass(frozen=True)
class Layout:
    """`places` and `sizes` (N, 2) of the charts in the atlas, `plain` (M, 2) places of the plain squares, and the
    atlas's width and height."""

    places: Ints
    sizes: Ints
    plain: Ints
    size: tuple[int, int]

    def of_charts(self, charts: Charts, corners: Floats) -> Floats:
        """`corners` (F, 3, 2) brought from the photographs into the atlas; zeros where a face has no chart."""
        moved = np.zeros(corners.shape)
        rows = np.flatnonzero(charts.of_face >= 0)
        chart = charts.of_face[rows]
        scale = self.sizes[chart] / charts.boxes[chart, 2:]
        moved[rows] = (corners[rows] - charts.boxes[chart, None, :2]) * scale[:, None] + self.places[chart, None]
        return moved

    def colours_at(self, atlas: Bytes, positions: Floats) -> Floats:
        """Colours (N, 3) of the atlas at `positions` (N, 2)."""
        x = np.clip(positions[:, 0].astype(np.int64), 0, self.size[0] - 1)
        y = np.clip(positions[:, 1].astype(np.int64), 0, self.size[1] - 1)
        return np.asarray(atlas[y, x], dtype=np.float64)

    def paint_plain(self, atlas: Bytes, colours: Floats) -> Floats:
        """Fill the plain squares with `colours` (M, 3); returns positions (M, 3, 2) in their middles."""
        for (x, y), colour in zip(self.plain.tolist(), colours, strict=True):
            atlas[y : y + PLAIN_PX, x : x + PLAIN_PX] = np.clip(np.rint(colour), 0, 255)
        offsets = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]])
        return np.asarray(self.plain[:, None] + PLAIN_PX / 2 + offsets[None])


def make_charts(chosen: Ints, pairs: Ints, corners: Floats, sizes: Ints) -> Charts:
    """`chosen` (F,) photograph of each face, `corners` (F, 3, 2) where the face is in it, `sizes` (C, 2) of the
    photographs."""
    seen = chosen >= 0
    linked = pairs[seen[pairs[:, 0]] & (chosen[pairs[:, 0]] == chosen[pairs[:, 1]])]
    label = components(len(chosen), linked)
    of_face = np.full(len(chosen), -1, dtype=np.int64)
    if not seen.any():
        return Charts(of_face, np.zeros(0, np.int64), np.zeros((0, 4), np.int64))
    _, first, of_face[seen] = np.unique(label[seen], return_index=True, return_inverse=True)
    view = chosen[seen][first]
    count = len(first)
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, of_face[seen], corners[seen].min(axis=1))
    np.maximum.at(high, of_face[seen], corners[seen].max(axis=1))
    start = np.maximum(np.floor(low).astype(np.int64) - PADDING_PX, 0)
    stop = np.minimum(np.ceil(high).astype(np.int64) + PADDING_PX, sizes[view])
    return Charts(of_face, view, np.concatenate([start, stop - start], axis=1))


def lay_out(charts: Charts, plain: int, longest_px: int) -> Layout:
    """Places for the charts and for `plain` squares of one colour each, in an atlas of at most about `longest_px`."""
    scale = 1.0
    while True:
        sizes = np.maximum(np.ceil(charts.boxes[:, 2:] * scale).astype(np.int64), 1)
        squares = np.full((plain, 2), PLAIN_PX, dtype=np.int64)
        places, size = pack(np.concatenate([sizes, squares]))
        if max(size) <= longest_px or scale < SMALLEST_SCALE:
            return Layout(places[: len(sizes)], sizes, places[len(sizes) :], size)
        scale *= 0.98 * longest_px / max(size)


def paint(charts: Charts, layout: Layout, pictures: Iterable[tuple[int, NDArray[np.floating]]]) -> Bytes:
    """The atlas (H, W, 3): each chart cut from its photograph; `pictures` come with their numbers, 0..255."""
    width, height = layout.size
    atlas = np.zeros((height, width, 3), dtype=np.uint8)
    for number, picture in pictures:
        bounded = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        for chart in np.flatnonzero(charts.view == number).tolist():
            x, y, wide, high = charts.boxes[chart].tolist()
            piece = bounded[y : y + high, x : x + wide]
            (left, top), (across, down) = layout.places[chart].tolist(), layout.sizes[chart].tolist()
            if (wide, high) != (across, down):
                piece = np.asarray(cv2.resize(piece, (across, down), interpolation=cv2.INTER_AREA))
            atlas[top : top + down, left : left + across] = piece
    return atlas


def pack(sizes: Ints) -> tuple[Ints, tuple[int, int]]:
    """Corners (N, 2) of boxes of `sizes` (N, 2) that do not overlap, and the width and height they take."""
    area = int((sizes[:, 0] * sizes[:, 1]).sum())
    width = max(int(np.sqrt(area * 1.08)), int(sizes[:, 0].max(initial=1)))
    place = np.zeros_like(sizes)
    x = y = shelf = 0
    for row in np.lexsort((-sizes[:, 0], -sizes[:, 1])).tolist():
        wide, high = sizes[row].tolist()
        if x + wide > width:
            x, y, shelf = 0, y + shelf, 0
        place[row] = x, y
        x, shelf = x + wide, max(shelf, high)
    return place, (width, y + shelf)
