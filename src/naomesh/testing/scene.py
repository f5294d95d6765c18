"""Photographs of a scene whose every point is known: an onion on a plinth, in the sun, on a paved round.

What a reconstruction gets wrong can be measured against it (`naomesh.testing.measure`). The object (plinth and onion)
is 2.5 units high, the ground 4.8 wide; the cameras stand on a ring of about 5.6, at 22 and 38 degrees in turn, with a
focal length of 1.15 times the picture's width. The whole scene is one surface, radius and height as functions of the
angle and of the place along a profile, without holes or intersections. Light is baked into the texture, so that every
photograph sees the same colours.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import BSpline

from naomesh.engines.mesh import Bytes, Camera, Floats, Ints, TexturedMesh
from naomesh.engines.render import draw, look_at, sample
from naomesh.testing import paint

VIEWS = 24
SIZE = (640, 480)
SEED = 5
OBJECT_HEIGHT = 2.5
FOCAL_PER_WIDTH = 1.15
UP = np.array([0.0, 0.0, 1.0])

_AROUND = 384
_ROWS_OBJECT = 220
_ROWS_GROUND = 44
_FOOT = 1.2
_RIM = 2.4
_DISTANCE = 5.6
_GAMMA = 1 / 2.2
_NOISE = 1.4
"""Standard deviation of the photographs' noise, in steps of 256."""
_OVERSAMPLE = 2
_MARGIN = 3
"""Texels around each chart of the atlas, so that sampling at its border stays inside."""

_PROFILE = np.array(
    # radius, height: control points of a cubic B-spline, from the foot of the plinth to the tip of the sprout
    [
        (1.20, 0.00), (1.14, 0.00), (1.08, 0.00), (1.06, 0.03), (1.06, 0.10), (1.04, 0.15), (0.98, 0.16),
        (0.93, 0.18), (0.90, 0.25), (0.87, 0.36), (0.86, 0.46), (0.87, 0.55), (0.91, 0.61), (0.95, 0.64),
        (0.96, 0.69), (0.94, 0.74), (0.88, 0.75), (0.78, 0.75), (0.66, 0.75), (0.54, 0.75), (0.44, 0.755),
        (0.41, 0.785), (0.46, 0.82), (0.58, 0.86), (0.70, 0.94), (0.80, 1.05), (0.865, 1.19), (0.885, 1.36),
        (0.85, 1.53), (0.75, 1.68), (0.60, 1.81), (0.44, 1.92), (0.30, 2.02), (0.215, 2.11), (0.175, 2.20),
        (0.155, 2.30), (0.14, 2.39), (0.11, 2.46), (0.07, 2.495), (0.03, 2.50), (0.0, 2.50),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What a reconstruction is measured against.

    `vertices` (V, 3), `faces` (F, 3), of which the first `object_faces` belong to the object and the rest to the
    ground; `height` of the object, in the same units; `cameras` with the names of the photographs.
    """

    vertices: Floats
    faces: Ints
    object_faces: int
    height: float
    cameras: tuple[Camera, ...]


def truth(views: int = VIEWS, size: tuple[int, int] = SIZE, seed: int = SEED) -> Truth:
    """The scene's surface, and the cameras of `views` photographs of `size` (width, height)."""
    vertices, faces = _mesh(_grid())
    object_faces = _AROUND * (2 * _ROWS_OBJECT - 1)
    return Truth(vertices, faces, object_faces, OBJECT_HEIGHT, _cameras(views, size, seed))


def photograph_all(
    folder: Path, views: int = VIEWS, size: tuple[int, int] = SIZE, seed: int = SEED, quality: int = 90
) -> Truth:
    """Write `views` JPEGs named view_00.jpg ... into `folder`, with the focal length in their EXIF."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = truth(views, size, seed)
    model = painted(max(size))

    def take(index: int) -> None:
        rgb = photograph(model, scene.cameras[index], np.random.default_rng((seed, index)))
        (folder / scene.cameras[index].name).write_bytes(encoded(rgb, quality))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(take, range(views)))
    return scene


def photograph(model: TexturedMesh, camera: Camera, rng: np.random.Generator) -> Bytes:
    """One photograph (H, W, 3) of the painted scene, with the sensor's noise."""
    picture = draw(model, camera, background=(0, 0, 0), oversample=_OVERSAMPLE)
    rgb = picture.rgb + (1 - picture.covered[..., None]) * _backdrop(camera)
    return np.clip(np.rint(rgb + rng.normal(0, _NOISE, rgb.shape)), 0, 255).astype(np.uint8)


def encoded(rgb: Bytes, quality: int = 90) -> bytes:
    """A JPEG with the EXIF of a camera of that focal length (as on 36 mm film, in whole millimetres, as cameras do)."""
    image = Image.fromarray(rgb)
    exif = image.getexif()
    exif[271], exif[272] = "Naomesh", "Pinhole"
    exif.get_ifd(0x8769)[41989] = round(FOCAL_PER_WIDTH * 36)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, exif=exif)
    return stream.getvalue()


@lru_cache(maxsize=2)
def painted(pixels: int) -> TexturedMesh:
    """The scene with its texture, fine enough for photographs of so many pixels along the larger side."""
    grid = _grid()
    vertices, faces = _mesh(grid)
    lit = _as_grid(_light(), grid.shape)
    noise = paint.SolidNoise(SEED)
    density = 0.41 * pixels
    object_tile, ground_tile = (round(5.4 * density), round(4.8 * density)), (round(4.8 * density),) * 2
    width, height = object_tile[0] + ground_tile[0], ground_tile[1]
    atlas = np.empty((height, width, 3), dtype=np.uint8)
    for left, tile, chart in ((0, object_tile, _object_chart), (object_tile[0], ground_tile, _ground_chart)):
        columns, rows = np.meshgrid(np.arange(tile[0]), np.arange(tile[1]))
        column, row = chart(columns.ravel(), rows.ravel(), tile)
        points = sample(grid, column, row).astype(np.float64)
        colour = _albedo(noise, points, row) * sample(lit, column, row)
        encoded_colour = np.clip(colour, 0.002, 1) ** _GAMMA * 255
        atlas[:, left : left + tile[0]] = np.rint(encoded_colour).reshape(tile[1], tile[0], 3)
    uv, uv_faces = _unwrapped(grid, object_tile, ground_tile)
    return TexturedMesh(vertices, faces, uv / (width, height), uv_faces, atlas, UP)


@lru_cache(maxsize=1)
def _light() -> paint.Reals:
    return paint.light(*_mesh(_grid()), _mesh(_grid(4)))


def _albedo(noise: paint.SolidNoise, points: Floats, row: Floats) -> paint.Reals:
    """The colour of the material at each point: onion above the plinth, limestone, paving on the ground."""
    materials = np.searchsorted([_onion_rows(), _ROWS_OBJECT], row)
    colours = np.empty((len(points), 3), dtype=np.float32)
    for number, material in enumerate((paint.onion_skin, paint.limestone, paint.paving)):
        there = materials == number
        colours[there] = material(noise, points[there])
    return colours


def _profile() -> Floats:
    """(radius, height) of the rows from the tip to the foot, evenly spaced along the curve: (_ROWS_OBJECT + 1, 2)."""
    knots = np.concatenate([[0] * 3, np.arange(len(_PROFILE) - 2), [len(_PROFILE) - 3] * 3])
    fine = BSpline(knots, _PROFILE, 3)(np.linspace(0, len(_PROFILE) - 3, 4000))[::-1]
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    even = np.linspace(0, length[-1], _ROWS_OBJECT + 1)
    return np.stack([np.interp(even, length, fine[:, axis]) for axis in range(2)], axis=1)


def _onion_rows() -> int:
    """The row in which the onion's skin meets the plinth."""
    radius, height = _profile().T
    return int(np.argmax((height < 0.77) & (radius > 0.3)))


def _grid(step: int = 1) -> Floats:
    """The surface: (rows + 1, columns + 1, 3), rows from the tip to the rim, the last column over the first."""
    angle = np.linspace(0, 2 * np.pi, _AROUND // step + 1)[None, :]
    profile = _profile()[::step]
    radius, height = profile[:, :1], profile[:, 1:]
    onion = _step(0.78, 1.0, height) * (1 - 0.7 * _step(2.0, 2.4, height))
    drum = _step(0.17, 0.26, height) * (1 - _step(0.52, 0.62, height)) * (radius < 1.0)
    folds = 0.5 * np.sin(9 * angle + 1.3 * height) + 0.35 * np.sin(14 * angle - 0.9 * height + 1)
    folds = folds + 0.25 * np.sin(22 * angle + 1.7 * np.sin(2 * height)) + 0.4 * np.sin(2 * angle + 2.4 * height)
    flutes = np.cos(20 * angle + 0.25 * np.sin(3 * angle))
    wide = radius * (1 + 0.035 * onion * folds + 0.022 * drum * flutes)
    upright = np.stack([wide * np.cos(angle), wide * np.sin(angle), height + 0 * angle], axis=2)
    reach = np.linspace(_FOOT, _RIM, _ROWS_GROUND // step + 1)[1:, None]
    x, y = reach * np.cos(angle), reach * np.sin(angle)
    waves = 0.035 * np.sin(2.2 * x + 0.5) * np.cos(1.7 * y) + 0.012 * np.sin(5.1 * y + x)
    ground = np.stack([x, y, waves * _step(_FOOT, _FOOT + 0.5, reach)], axis=2)
    return np.concatenate([upright, ground])


def _mesh(grid: Floats) -> tuple[Floats, Ints]:
    """Vertices and faces of the grid, the tip being one vertex; object first, normals outwards."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    vertices = np.concatenate([grid[0, :1], grid[1:, :-1].reshape(-1, 3)])
    index = np.arange(rows * columns).reshape(rows, columns) + 1
    return vertices, _quads(np.concatenate([index, index[:, :1]], axis=1), np.zeros(columns, dtype=np.int64))


def _quads(index: Ints, tip: Ints) -> Ints:
    """Triangles between the rings of `index` (rows, columns + 1), and a fan from the corners `tip` to the first."""
    upper_left, upper_right = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    lower_left, lower_right = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    fan = np.stack([tip, index[0, :-1], index[0, 1:]], axis=1)
    one = np.stack([upper_left, lower_left, lower_right], axis=1)
    other = np.stack([upper_left, lower_right, upper_right], axis=1)
    return np.concatenate([fan, np.stack([one, other], axis=1).reshape(-1, 3)])


def _as_grid(values: paint.Reals, shape: tuple[int, ...]) -> paint.Reals:
    """Values (V, 3) at the vertices of `_mesh`, arranged as its grid."""
    rings = values[1:].reshape(shape[0] - 1, shape[1] - 1, 3)
    tip = np.repeat(values[None, :1], shape[1] - 1, axis=1)
    grid = np.concatenate([tip, rings])
    return np.concatenate([grid, grid[:, :1]], axis=1)


def _object_chart(x: Ints, y: Ints, tile: tuple[int, int]) -> tuple[Floats, Floats]:
    """(column, row) of the grid at texels of the object's tile: angle to the right, profile downwards."""
    column = (x + 0.5 - _MARGIN) / (tile[0] - 2 * _MARGIN) * _AROUND
    row = (y + 0.5 - _MARGIN) / (tile[1] - 2 * _MARGIN) * _ROWS_OBJECT
    return np.mod(column, _AROUND), np.clip(row, 0, _ROWS_OBJECT)


def _ground_chart(x: Ints, y: Ints, tile: tuple[int, int]) -> tuple[Floats, Floats]:
    """(column, row) of the grid at texels of the ground's tile: the plan from above."""
    east = ((x + 0.5 - _MARGIN) / (tile[0] - 2 * _MARGIN) * 2 - 1) * _RIM
    north = ((y + 0.5 - _MARGIN) / (tile[1] - 2 * _MARGIN) * 2 - 1) * _RIM
    column = np.mod(np.arctan2(north, east), 2 * np.pi) / (2 * np.pi) * _AROUND
    row = np.clip((np.hypot(east, north) - _FOOT) / (_RIM - _FOOT), 1e-6, 1) * _ROWS_GROUND
    return column, _ROWS_OBJECT + row


def _unwrapped(grid: Floats, object_tile: tuple[int, int], ground_tile: tuple[int, int]) -> tuple[Floats, Ints]:
    """Texture coordinates in texels (origin at the lower left) and the faces' indices into them, as the charts say."""
    rows, columns = np.mgrid[0 : _ROWS_OBJECT + 1, 0 : _AROUND + 1]
    rows = rows.astype(np.float64)
    middle = np.full(_AROUND + 1, 0.5)
    across = columns + np.where(rows == 0, middle, 0.0)
    x = across / _AROUND * (object_tile[0] - 2 * _MARGIN) + _MARGIN
    y = rows / _ROWS_OBJECT * (object_tile[1] - 2 * _MARGIN) + _MARGIN
    upright = np.stack([x, y], axis=2).reshape(-1, 2)
    plan = grid[_ROWS_OBJECT:, :, :2] / _RIM
    flat = (plan + 1) / 2 * (ground_tile[0] - 2 * _MARGIN) + _MARGIN + (object_tile[0], 0)
    uv = np.concatenate([upright, flat.reshape(-1, 2)])
    uv[:, 1] = ground_tile[1] - uv[:, 1]
    first = np.arange(len(upright)).reshape(_ROWS_OBJECT + 1, _AROUND + 1)
    second = np.arange(len(flat) * (_AROUND + 1)).reshape(-1, _AROUND + 1) + len(upright)
    ground = _quads(second, np.zeros(_AROUND, dtype=np.int64))[_AROUND:]
    return uv, np.concatenate([_quads(first[1:], first[0, :-1]), ground])


def _cameras(views: int, size: tuple[int, int], seed: int) -> tuple[Camera, ...]:
    width, height = size
    rng = np.random.default_rng(seed)
    focal = FOCAL_PER_WIDTH * width
    k = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    cameras = []
    for index in range(views):
        angle, elevation = 2 * np.pi * index / views, np.radians(38 if index % 2 else 22)
        ring = [np.cos(elevation) * np.cos(angle), np.cos(elevation) * np.sin(angle), np.sin(elevation)]
        center = _DISTANCE * np.array(ring) + (0, 0, 0.6) + rng.normal(0, 0.08, 3)
        r, t = look_at(center, np.array([0, 0, 1.0]) + rng.normal(0, 0.05, 3), UP)
        cameras.append(Camera(f"view_{index:02d}.jpg", k, r, t, width, height))
    return tuple(cameras)


def _backdrop(camera: Camera) -> Floats:
    """A plain evening sky (H, W, 3): only the direction's height counts, so that nothing in it can be matched."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = np.stack([x, y, np.ones_like(x)], axis=2) @ np.linalg.inv(camera.k).T @ camera.r
    height = rays[..., 2] / np.linalg.norm(rays, axis=2)
    share = np.clip(height * 1.1 + 0.9, 0, 1)[..., None]
    return np.asarray((1 - share) * (150, 160, 176) + share * (236, 226, 212))


def _step(low: float, high: float, values: Floats) -> Floats:
    x = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(x * x * (3 - 2 * x))
