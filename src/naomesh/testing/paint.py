"""The colours and the light of the known scene: solid noise at several scales, sun, sky and the shadows they cast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from naomesh.engines.mesh import Camera, Floats, Ints
from naomesh.engines.render import look_at, rasterise, vertex_normals

Reals = NDArray[np.float32]

SUN = np.array([0.62, -0.38, 0.69])
_SUN_COLOUR = np.array([1.0, 0.93, 0.80], dtype=np.float32)
_SKY_COLOUR = np.array([0.50, 0.56, 0.64], dtype=np.float32)
_SUN_RAYS = 6
_SKY_RAYS = 24
_SHADOW_PX = 640
_BIAS = 0.02
"""How far, in units of the scene, something must lie in front of a point to shade it."""
_GRID = 48


class SolidNoise:
    """Smooth random values 0..1 that fill space: the same point always has the same value."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._grids = [rng.random((_GRID, _GRID, _GRID)).astype(np.float32) for _ in range(4)]

    def at(self, points: Floats, frequency: float | tuple[float, float, float], layer: int) -> Reals:
        """One octave at `points` (N, 3), with `frequency` random values per unit (along x, y, z): (N,)."""
        where = np.mod(points * np.asarray(frequency), _GRID).T
        return np.asarray(map_coordinates(self._grids[layer % 4], where, order=1, mode="grid-wrap"), dtype=np.float32)

    def rough(self, points: Floats, frequencies: tuple[float, ...], fall: float = 0.75) -> Reals:
        """Several octaves, each weighing `fall` times the one before; mean about 0.5."""
        weights = np.array([fall**i for i in range(len(frequencies))])
        octaves = (self.at(points, frequency, i) for i, frequency in enumerate(frequencies))
        return np.asarray(sum(w * octave for w, octave in zip(weights / weights.sum(), octaves, strict=True)))


def onion_skin(noise: SolidNoise, points: Floats) -> Reals:
    """Papery skin, copper to russet, streaked along the meridians, torn here and there over a pale layer: (N, 3)."""
    height = np.clip((points[:, 2] - 0.75) / 1.75, 0, 1).astype(np.float32)
    streaks = 0.6 * noise.at(points, (21, 21, 2.4), 0) + 0.4 * noise.at(points, (47, 47, 5.5), 1)
    fine = noise.rough(points, (12.0, 29.0, 61.0))
    colour = _mix(_rgb(0.66, 0.36, 0.12), _rgb(0.40, 0.13, 0.06), _smooth(0.25, 0.85, height + 0.5 * (streaks - 0.5)))
    colour *= _contrast(0.92, 1.5, streaks, 2.1, fine)[:, None]
    torn = noise.rough(points, (2.1, 5.3, 13.0), 0.55) + 0.12 * (streaks - 0.5)
    pale = _rgb(0.60, 0.47, 0.30) * _contrast(0.95, 1.1, streaks, 2.3, fine)[:, None]
    colour = _mix(colour, pale, _smooth(0.575, 0.605, torn))
    edge = _smooth(0.555, 0.575, torn) * (1 - _smooth(0.58, 0.6, torn))
    colour *= (1 - 0.6 * edge)[:, None]
    return _mix(colour, _rgb(0.36, 0.42, 0.16) * (0.4 + 1.1 * fine)[:, None], _smooth(0.80, 0.98, height))


def limestone(noise: SolidNoise, points: Floats) -> Reals:
    """Warm grey stone with veins, speckles, and moss where it meets the ground: (N, 3)."""
    grain = noise.rough(points, (4.0, 11.0, 27.0, 58.0), 0.85)
    vein = 1 - np.abs(noise.rough(points, (3.1, 7.0, 17.0), 0.5) - 0.5) * 14
    colour = _rgb(0.62, 0.56, 0.46) * _contrast(0.82, 3.2, grain)[:, None]
    colour = _mix(colour, _rgb(0.34, 0.22, 0.13), 0.75 * np.clip(vein, 0, 1))
    moss = noise.rough(points, (5.0, 16.0, 37.0)) - 0.55 * points[:, 2].astype(np.float32)
    return _mix(colour, _rgb(0.17, 0.22, 0.07) * _contrast(1.05, 3.4, grain)[:, None], _smooth(0.40, 0.52, moss))


def paving(noise: SolidNoise, points: Floats) -> Reals:
    """Flagstones of several colours, with dark joints: (N, 3)."""
    rng = np.random.default_rng(7)
    spots = _scattered(rng, 150, 2.6)
    flat = points[:, :2] + 0.05 * (noise.rough(points, (6.0, 19.0))[:, None] - 0.5)
    found = cKDTree(spots).query(flat, k=2)
    distance, nearest = np.asarray(found[0]), np.asarray(found[1])
    palette = np.array(
        [[0.30, 0.33, 0.37], [0.42, 0.40, 0.37], [0.48, 0.35, 0.26], [0.36, 0.30, 0.29], [0.52, 0.47, 0.38]]
    )
    tones = palette[rng.integers(0, len(palette), len(spots))] * rng.uniform(0.75, 1.15, (len(spots), 1))
    grain = noise.rough(points, (3.3, 9.7, 24.0, 55.0), 0.9)
    colour = tones[nearest[:, 0]].astype(np.float32) * _contrast(0.88, 2.6, grain)[:, None]
    spark = _smooth(0.72, 0.8, noise.at(points, 36, 3))
    colour = _mix(colour, _rgb(0.66, 0.62, 0.52), 0.6 * spark)
    joint = 1 - _smooth(0.012, 0.04, (distance[:, 1] - distance[:, 0]).astype(np.float32))
    return _mix(colour, _rgb(0.07, 0.075, 0.05) * (0.3 + 1.6 * grain)[:, None], joint)


def light(vertices: Floats, faces: Ints, coarse: tuple[Floats, Ints]) -> Reals:
    """How much light of each colour reaches each vertex: (V, 3). `coarse` is the mesh that casts the shadows."""
    normals = vertex_normals(vertices, faces)
    lifted = vertices + 0.015 * normals
    sun = np.zeros(len(vertices))
    for direction in _around(SUN, _SUN_RAYS, 0.05):
        sun += np.clip(normals @ direction, 0, 1) * _reaches(lifted, direction, coarse) / _SUN_RAYS
    sky = np.zeros(len(vertices))
    total = 0.0
    for direction in _dome(_SKY_RAYS):
        facing = np.clip(normals @ direction, 0, 1)
        sky += facing * _reaches(lifted, direction, coarse)
        total += float(direction[2])
    sky = 0.12 + 0.88 * np.clip(sky / total, 0, 1)
    return np.asarray(1.15 * sun[:, None] * _SUN_COLOUR + 0.95 * sky[:, None] * _SKY_COLOUR, dtype=np.float32)


def _reaches(points: Floats, direction: Floats, coarse: tuple[Floats, Ints]) -> Floats:
    """1 where light from `direction` arrives, 0 in shadow, between at the border."""
    away = 60.0
    r, t = look_at(direction * away, np.zeros(3), np.array([0.0, 1.0, 0.0]))
    focal = _SHADOW_PX * away / 6.0
    k = np.array([[focal, 0, _SHADOW_PX / 2], [0, focal, _SHADOW_PX / 2], [0, 0, 1]])
    camera = Camera("light", k, r, t, _SHADOW_PX, _SHADOW_PX)
    seen = rasterise(*coarse, camera)
    nearest = np.full((_SHADOW_PX, _SHADOW_PX), np.inf)
    nearest.reshape(-1)[seen.pixels] = seen.depth
    inside = points @ r.T + t
    xy = (inside @ k.T)[:, :2] / inside[:, 2:]
    column, row = np.clip(xy.astype(np.int64), 1, _SHADOW_PX - 2).T
    lit = [nearest[row + dy, column + dx] > inside[:, 2] - _BIAS for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return np.asarray(np.mean(lit, axis=0))


def _around(direction: Floats, count: int, spread: float) -> list[Floats]:
    offsets = np.random.default_rng(1).normal(0, spread, (count, 3))
    return [np.asarray((direction + o) / np.linalg.norm(direction + o)) for o in offsets]


def _dome(count: int) -> list[Floats]:
    """Directions spread evenly over the upper half sphere (golden spiral)."""
    index = np.arange(count) + 0.5
    z = index / count * 0.93 + 0.05
    angle = index * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    return list(np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1))


def _scattered(rng: np.random.Generator, count: int, reach: float) -> Floats:
    """Points in a square that keep their distance (best of some candidates each), for stones of like size."""
    points = rng.uniform(-reach, reach, (1, 2))
    for _ in range(count - 1):
        candidates = rng.uniform(-reach, reach, (12, 2))
        gap = cKDTree(points).query(candidates)[0]
        points = np.vstack([points, candidates[np.argmax(gap)]])
    return points


def _rgb(red: float, green: float, blue: float) -> Reals:
    return np.array([[red, green, blue]], dtype=np.float32)


def _contrast(mean: float, *terms: float | Reals) -> Reals:
    """`mean` plus each gain times the deviation of its noise from 0.5, never black: terms are gain, noise, gain ..."""
    swing = sum(gain * (noise - 0.5) for gain, noise in zip(terms[::2], terms[1::2], strict=True))
    return np.asarray(np.clip(mean + swing, 0.12, 1.9), dtype=np.float32)


def _mix(one: Reals, other: Reals, share: Reals) -> Reals:
    return np.asarray(one + (other - one) * share[:, None], dtype=np.float32)


def _smooth(low: float, high: float, values: NDArray[np.floating]) -> Reals:
    x = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float32)
