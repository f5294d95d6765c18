"""Which way was up, from the cameras alone."""

from __future__ import annotations

import numpy as np

from naomesh.engines.mesh import Camera, Floats

LEAN = 0.03
"""How much the pictures' own up directions count beside their horizontals."""
TOLERANCE = 0.15
"""Sine of the roll beyond which a camera counts less."""
ROUNDS = 8


def up_direction(cameras: tuple[Camera, ...]) -> Floats:
    """The unit vector (3,) that was up.

    Photographers tilt their cameras but seldom roll them, so the pictures' x axes are level: up is what is most at
    right angles to all of them. Where the x axes are almost parallel (one wall, seen from one side) that leaves a
    choice, which the pictures' own up directions decide. Cameras that were rolled count less with each round.
    """
    level = np.array([camera.r[0] for camera in cameras])
    upwards = np.array([-camera.r[1] for camera in cameras])
    up = _unit(np.median(upwards, axis=0))
    for _ in range(ROUNDS):
        weight = 1 / (1 + ((level @ up) / TOLERANCE) ** 2)
        weight /= weight.sum()
        spread = np.einsum("n,ni,nj->ij", weight, level, level)
        up = _unit(np.linalg.solve(spread + LEAN * np.eye(3), weight @ upwards))
    return up


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
