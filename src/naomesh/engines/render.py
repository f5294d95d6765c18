"""Drawing a mesh as a camera sees it: a z-buffer rasteriser in numpy, exact to the fraction of a pixel.

Used for the preview picture, for judging a textured model against its photographs, and for photographs of known scenes.
Every triangle is cut into spans of pixels, row by row, and the nearest span wins each pixel; then, once per pixel,
barycentric coordinates are computed from the winner, so that nothing is interpolated twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Bytes, Camera, Floats, Ints, TexturedMesh

Colour = tuple[float, float, float]

NEAR = 1e-6
"""Triangles with a corner nearer than this (or behind the camera) are not drawn."""
_PIXELS_AT_ONCE = 1 << 20
_EDGE = 1e-7
"""How far, in pixels, a triangle reaches over its edge, so that no crack opens between neighbours."""


@dataclass(frozen=True)
class Fragments:
    """What a camera sees, one entry per covered pixel, N in all.

    `pixels` (N,) index into the flat picture, row by row; `faces` (N,) the face seen there; `weights` (N, 3) its
    barycentric coordinates at the pixel's centre, correct in perspective; `depth` (N,) along the optical axis.
    """

    pixels: Ints
    faces: Ints
    weights: Floats
    depth: Floats

    def interpolate(self, values: NDArray[np.floating], corners: Ints) -> Floats:
        """Values at the corners, (V, C) with `corners` (F, 3) indices into them, brought to the pixels: (N, C)."""
        total = np.zeros((len(self.faces), values.shape[1]))
        for corner in range(3):
            total += self.weights[:, corner, None] * values[corners[self.faces, corner]]
        return total


@dataclass(frozen=True)
class Picture:
    """`rgb` (H, W, 3) and `covered` (H, W), the share of each pixel that the mesh covers, 0..1."""

    rgb: Bytes
    covered: NDArray[np.float32]


def look_at(center: Floats, target: Floats, up: Floats) -> tuple[Floats, Floats]:
    """(r, t) of a camera at `center` that looks at `target`, with `up` upwards in the picture."""
    forward = _unit(target - center)
    right = _unit(np.cross(forward, up))
    r = np.stack([right, np.cross(forward, right), forward])
    return r, np.asarray(-r @ center)


def scaled(camera: Camera, factor: float) -> Camera:
    """The same camera with `factor` times as many pixels along each side."""
    width, height = max(1, round(camera.width * factor)), max(1, round(camera.height * factor))
    k = np.diag([width / camera.width, height / camera.height, 1.0]) @ camera.k
    return replace(camera, k=k, width=width, height=height)


def rasterise(vertices: Floats, faces: Ints, camera: Camera) -> Fragments:
    """The nearest face at each pixel; `vertices` (V, 3), `faces` (F, 3). Faces are seen from both sides."""
    inside = vertices @ camera.r.T + camera.t
    depth = inside[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        xy = (inside @ camera.k.T)[:, :2] / depth[:, None]
        inverse_depth = 1.0 / depth
    drawn = _inside_picture(xy, depth, faces, camera)
    planes = _planes(xy, faces[drawn])
    kept = np.isfinite(planes).all(axis=(1, 2))
    drawn, planes = drawn[kept], planes[kept]
    nearest = _nearest(xy, inverse_depth, faces, drawn, planes, camera)
    pixels = np.flatnonzero(nearest)
    index = (nearest[pixels] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    seen = drawn[index]
    weights = np.empty((len(pixels), 3))
    distance = np.empty(len(pixels))
    for start in range(0, len(pixels), _PIXELS_AT_ONCE):
        part = slice(start, start + _PIXELS_AT_ONCE)
        plane = planes[index[part]]
        x, y = pixels[part] % camera.width + 0.5, pixels[part] // camera.width + 0.5
        flat = plane[:, :, 0] * x[:, None] + plane[:, :, 1] * y[:, None] + plane[:, :, 2]
        weights[part] = np.maximum(flat, 0.0) * inverse_depth[faces[seen[part]]]
        distance[part] = 1.0 / weights[part].sum(axis=1)
        weights[part] *= distance[part, None]
    return Fragments(pixels, seen, weights, distance)


def draw(model: TexturedMesh, camera: Camera, *, background: Colour = (255, 255, 255), oversample: int = 1) -> Picture:
    """The model with its texture. `oversample` draws that many pixels per pixel and side, and averages them."""
    fine = scaled(camera, oversample)
    seen = rasterise(model.vertices, model.faces, fine)
    height, width = model.texture.shape[:2]
    uv = seen.interpolate(model.uv, model.uv_faces)
    colours = sample(model.texture, uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5)
    return compose(seen, colours, fine, background, oversample)


def draw_shaded(
    model: TexturedMesh, camera: Camera, *, background: Colour = (255, 255, 255), oversample: int = 1
) -> Picture:
    """The bare surface in grey, lit from above the camera's left shoulder: shows what the texture hides."""
    fine = scaled(camera, oversample)
    seen = rasterise(model.vertices, model.faces, fine)
    normals = seen.interpolate(vertex_normals(model.vertices, model.faces), model.faces) @ camera.r.T
    light = _unit(np.array([-0.4, -0.6, -0.7]))
    lit = np.clip(_unit(normals) @ light, 0.0, 1.0) * 0.8 + 0.15
    return compose(seen, np.repeat(lit[:, None] * 255.0, 3, axis=1), fine, background, oversample)


def compose(
    seen: Fragments, colours: NDArray[np.floating], fine: Camera, background: Colour, oversample: int
) -> Picture:
    """Put `colours` (N, 3), 0..255, of the fragments that the `fine` camera saw into a picture `oversample` times
    smaller."""
    canvas = np.empty((fine.height * fine.width, 3), dtype=np.float32)
    canvas[:] = background
    canvas[seen.pixels] = colours
    covered = np.zeros(fine.height * fine.width, dtype=np.float32)
    covered[seen.pixels] = 1.0
    rgb = canvas.reshape(fine.height, fine.width, 3)
    share = covered.reshape(fine.height, fine.width)
    if oversample > 1:
        size = (fine.width // oversample, fine.height // oversample)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
        share = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_AREA))
    return Picture(np.clip(np.rint(rgb), 0, 255).astype(np.uint8), share)


def sample(image: NDArray[np.generic], x: Floats, y: Floats) -> NDArray[np.float32]:
    """Bilinear samples of `image` (H, W, C) at `x`, `y` (N,), where 0 is the centre of the first pixel: (N, C).

    OpenCV's remap rounds positions to a 32nd of a pixel; this does not.
    """
    height, width = image.shape[:2]
    x = np.clip(x, 0, width - 1)
    y = np.clip(y, 0, height - 1)
    left = np.minimum(x.astype(np.int64), max(width - 2, 0))
    top = np.minimum(y.astype(np.int64), max(height - 2, 0))
    fx = (x - left).astype(np.float32)[:, None]
    fy = (y - top).astype(np.float32)[:, None]
    right = np.minimum(left + 1, width - 1)
    below = np.minimum(top + 1, height - 1)
    flat = image.reshape(height * width, -1)
    upper = flat[top * width + left] * (1 - fx) + flat[top * width + right] * fx
    lower = flat[below * width + left] * (1 - fx) + flat[below * width + right] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, dtype=np.float32)


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (V, 3), the mean of the adjacent faces' weighted by their area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    total = np.stack(
        [
            np.bincount(faces.ravel(), weights=np.repeat(normals[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    return _unit(total.astype(np.float64))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300))


def _inside_picture(xy: Floats, depth: Floats, faces: Ints, camera: Camera) -> Ints:
    """The faces in front of the camera that touch the picture."""
    front = np.flatnonzero((depth > NEAR)[faces].all(axis=1))
    x, y = xy[faces[front], 0], xy[faces[front], 1]
    touches = (
        (x.max(axis=1) > 0) & (x.min(axis=1) < camera.width) & (y.max(axis=1) > 0) & (y.min(axis=1) < camera.height)
    )
    return np.asarray(front[touches])


def _planes(xy: Floats, faces: Ints) -> Floats:
    """(F, 3, 3): the rows a, b, c with a x + b y + c = each corner's weight in the picture plane."""
    x, y = xy[faces, 0], xy[faces, 1]
    following, last = (1, 2, 0), (2, 0, 1)
    a = y[:, following] - y[:, last]
    b = x[:, last] - x[:, following]
    double_area = a[:, 0] * (x[:, 0] - x[:, 2]) + b[:, 0] * (y[:, 0] - y[:, 2])
    c = -(a * x[:, last] + b * y[:, last])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.stack([a, b, c], axis=2) / double_area[:, None, None])


def _nearest(
    xy: Floats, inverse: Floats, faces: Ints, drawn: Ints, planes: Floats, camera: Camera
) -> NDArray[np.uint64]:
    """For each pixel the key of the nearest face: inverse depth in the upper 32 bits (the bits of a positive float
    sort as the float does), the row in `drawn` below; 0 where there is none."""
    nearest = np.zeros(camera.width * camera.height, dtype=np.uint64)
    inverse_planes = np.einsum("fi,fij->fj", inverse[faces[drawn]], planes)
    ys = xy[faces[drawn], 1]
    first = np.maximum(np.ceil(ys.min(axis=1) - 0.5 - _EDGE), 0).astype(np.int64)
    rows = np.minimum(np.floor(ys.max(axis=1) - 0.5 + _EDGE), camera.height - 1).astype(np.int64) - first + 1
    for some in _chunks(np.maximum(rows, 0)):
        face = np.repeat(some, np.maximum(rows[some], 0))
        row = first[face] + _running(np.maximum(rows[some], 0))
        start, length = _spans(planes[face], row + 0.5, camera.width)
        base = inverse_planes[face, 1] * (row + 0.5) + inverse_planes[face, 2]
        for part in _chunks(length):
            span = np.repeat(part, length[part])
            x = start[span] + _running(length[part])
            near = (inverse_planes[face[span], 0] * (x + 0.5) + base[span]).astype(np.float32)
            key = near.view(np.uint32).astype(np.uint64) << np.uint64(32) | face[span].astype(np.uint64)
            good = near > 0
            np.maximum.at(nearest, (row[span] * camera.width + x)[good], key[good])
    return nearest


def _spans(planes: Floats, y: Floats, width: int) -> tuple[Ints, Ints]:
    """First pixel and number of pixels of each face on its row `y`, where all three weights are positive."""
    low = np.full(len(y), -np.inf)
    high = np.full(len(y), np.inf)
    for corner in range(3):
        slope = planes[:, corner, 0]
        rest = planes[:, corner, 1] * y + planes[:, corner, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            root = -rest / slope
        np.maximum(low, root, out=low, where=slope > 0)
        np.minimum(high, root, out=high, where=slope < 0)
        high[(slope == 0) & (rest < 0)] = -np.inf
    start = np.ceil(np.clip(low - 0.5 - _EDGE, 0, width)).astype(np.int64)
    stop = np.floor(np.clip(high - 0.5 + _EDGE, -1, width - 1)).astype(np.int64) + 1
    return start, np.maximum(stop - start, 0)


def _running(lengths: Ints) -> Ints:
    """0, 1, .. length - 1 for each of the lengths, one after the other."""
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths))


def _chunks(lengths: Ints) -> Iterator[Ints]:
    """Indices of `lengths`, in order, in groups whose lengths sum to about `_PIXELS_AT_ONCE`: bounds the memory."""
    used = np.flatnonzero(lengths)
    group = np.cumsum(lengths[used]) // _PIXELS_AT_ONCE
    yield from (part for part in np.split(used, np.flatnonzero(np.diff(group)) + 1) if len(part))
