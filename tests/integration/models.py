"""A small textured house with a red roof and a green front, as an engine would leave it: in any frame, at any scale."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from naomesh.engines.mesh import Camera, TexturedMesh
from naomesh.engines.render import look_at

Array = np.ndarray[Any, np.dtype[Any]]

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 180, 40), (40, 40, 200), (120, 120, 120)
ROTATION = np.linalg.qr(np.random.default_rng(4).normal(0, 1, (3, 3)))[0]
ROTATION = ROTATION * np.sign(np.linalg.det(ROTATION))
SCALE, SHIFT = 0.37, np.array([5.0, -3.0, 1.5])


def house(cameras: int = 5, *, rotation: Array = ROTATION) -> TexturedMesh:
    """Z is up and -Y the front before `rotation`, SCALE and SHIFT; cameras stand before the front.

    Walls 2 x 1 x 1, green in front, blue behind, grey at the sides, a red saddle roof that reaches to 1.6. One corner
    is used by no face, and one face has no area, as real meshes have them.
    """
    x, y = np.array([-1, 1, 1, -1]), np.array([-0.5, -0.5, 0.5, 0.5])
    corners = [*zip(x, y, [0] * 4, strict=True), *zip(x, y, [1] * 4, strict=True), (-1, 0, 1.6), (1, 0, 1.6), (9, 9, 9)]
    sides: list[tuple[tuple[int, ...], int]] = [
        ((0, 1, 5, 4), 1), ((2, 3, 7, 6), 2), ((1, 2, 6, 5), 3), ((3, 0, 4, 7), 3), ((3, 2, 1, 0), 3),
        ((4, 5, 9, 8), 0), ((6, 7, 8, 9), 0), ((5, 6, 9), 3), ((7, 4, 8), 3), ((0, 0, 1), 3),
    ]  # fmt: skip
    faces, uv, uv_faces = [], [], []
    for ring, colour in sides:
        for a, b in pairwise(ring[1:]):
            faces.append((ring[0], a, b))
            uv_faces.append((len(uv), len(uv) + 1, len(uv) + 2))
            left, bottom = colour % 2 / 2 + 0.1, 0.6 - colour // 2 / 2
            uv += [(left, bottom), (left + 0.3, bottom), (left + 0.3, bottom + 0.3)]
    texture = np.zeros((64, 64, 3), dtype=np.uint8)
    texture[:32, :32], texture[:32, 32:], texture[32:, :32], texture[32:, 32:] = RED, GREEN, BLUE, GREY
    return TexturedMesh(
        vertices=SCALE * np.array(corners, dtype=float) @ rotation.T + SHIFT,
        faces=np.array(faces),
        uv=np.array(uv),
        uv_faces=np.array(uv_faces),
        texture=texture,
        up=rotation @ (0.0, 0.0, 1.0),
        cameras=tuple(_camera(index, cameras, rotation) for index in range(cameras)),
    )


def _camera(index: int, count: int, rotation: Array) -> Camera:
    aside = np.radians(-30 + 60 * index / max(count - 1, 1))
    center = SCALE * rotation @ (5 * np.sin(aside), -5 * np.cos(aside), 1.8) + SHIFT
    r, t = look_at(center, SCALE * rotation @ (0.0, 0.0, 0.7) + SHIFT, rotation @ (0.0, 0.0, 1.0))
    k = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
    return Camera(f"{index:05d}.jpg", k, r, t, 320, 240)
