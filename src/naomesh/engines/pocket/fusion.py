"""From depth maps to one cloud of points: what at least one other view confirms, with normals, thinned out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Camera, Floats
from naomesh.engines.pocket.depthmap import DepthMap

Mask = NDArray[np.bool_]

CONSISTENT = 0.004
"""Two depths that differ by less than this share of themselves are the same surface."""
CONSISTENT_PX = 2.0
"""And the point must come back to within this of where it started."""
STEEPEST_COSINE = float(np.cos(np.radians(72)))
"""Surfaces seen at a flatter angle are too uncertain."""
LONGEST_TANGENT = 0.03
"""Tangents longer than this share of the distance cross an edge."""
_TANGENT_PX = 2


@dataclass(frozen=True)
class Cloud:
    """`points` and `normals` (N, 3), float32."""

    points: NDArray[np.float32]
    normals: NDArray[np.float32]


def confirmed_points(own: DepthMap, others: list[DepthMap], least_views: int) -> Cloud:
    """The points of `own` that at least `least_views` of the others confirm, each moved to the mean depth."""
    positions, views = _mean_positions(own, others)
    kept = views >= least_views
    normals = _normals(positions, kept, own.camera)
    kept &= np.abs(normals).sum(axis=2) > 0
    rays = own.camera.center - positions[kept]
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    frontal = (rays * normals[kept]).sum(axis=1) > STEEPEST_COSINE
    return Cloud(positions[kept][frontal].astype(np.float32), normals[kept][frontal].astype(np.float32))


def thinned(clouds: list[Cloud], cell: float) -> Cloud:
    """One point, the mean, for each cube of side `cell`."""
    points = np.concatenate([cloud.points for cloud in clouds])
    normals = np.concatenate([cloud.normals for cloud in clouds])
    if not len(points):
        return Cloud(points, normals)
    index = np.floor((points - points.min(axis=0)) / cell).astype(np.int64)
    key = (index[:, 0] << 42) | (index[:, 1] << 21) | index[:, 2]
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    count = np.diff(starts, append=len(order))[:, None]
    mean = np.add.reduceat(points[order].astype(np.float64), starts, axis=0) / count
    normal = np.add.reduceat(normals[order], starts, axis=0)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    kept = length[:, 0] > 0.3 * count[:, 0]  # where normals disagree that much there is no surface
    return Cloud(mean[kept].astype(np.float32), (normal / np.maximum(length, 1e-9))[kept].astype(np.float32))


def _mean_positions(own: DepthMap, others: list[DepthMap]) -> tuple[Floats, NDArray[np.int32]]:
    """Positions (H, W, 3) at the mean of the depths that agree, and how many others agree (H, W)."""
    height, width = own.depth.shape
    rows, columns = np.nonzero(own.depth > 0)
    depth = own.depth[rows, columns].astype(np.float64)
    rays = _rays(own.camera, columns, rows)
    world = (rays * depth[:, None] - own.camera.t) @ own.camera.r
    total, views = depth.copy(), np.zeros(len(depth), dtype=np.int32)
    for other in others:
        inside = world @ other.camera.r.T + other.camera.t
        row, column, good = _pixels(other.camera, inside)
        good = good[other.depth[row[good], column[good]] > 0]
        seen = other.depth[row[good], column[good]].astype(np.float64)
        agree = np.abs(seen - inside[good, 2]) <= CONSISTENT * inside[good, 2]
        good, seen = good[agree], seen[agree]
        back = (_rays(other.camera, column[good], row[good]) * seen[:, None] - other.camera.t) @ other.camera.r
        again = back @ own.camera.r.T + own.camera.t
        x = own.camera.k[0, 0] * again[:, 0] / again[:, 2] + own.camera.k[0, 2] - columns[good] - 0.5
        y = own.camera.k[1, 1] * again[:, 1] / again[:, 2] + own.camera.k[1, 2] - rows[good] - 0.5
        good, again = good[near := x**2 + y**2 <= CONSISTENT_PX**2], again[near]
        total[good] += again[:, 2]
        views[good] += 1
    positions = np.zeros((height, width, 3))
    positions[rows, columns] = (rays * (total / (views + 1))[:, None] - own.camera.t) @ own.camera.r
    counted = np.zeros((height, width), dtype=np.int32)
    counted[rows, columns] = views
    return positions, counted


def _rays(camera: Camera, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Floats:
    """Directions with depth 1 through the pixels' centres."""
    k = camera.k
    x, y = (columns + 0.5 - k[0, 2]) / k[0, 0], (rows + 0.5 - k[1, 2]) / k[1, 1]
    return np.stack([x, y, np.ones(len(columns))], axis=1)


def _pixels(camera: Camera, inside: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of points in the camera's frame, and the indices of those within the picture."""
    z = np.maximum(inside[:, 2], 1e-9)
    column = np.floor(camera.k[0, 0] * inside[:, 0] / z + camera.k[0, 2])
    row = np.floor(camera.k[1, 1] * inside[:, 1] / z + camera.k[1, 2])
    good = (inside[:, 2] > 0) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    column, row = np.where(good, column, 0), np.where(good, row, 0)
    return row.astype(np.intp), column.astype(np.intp), np.flatnonzero(good)


def _normals(positions: Floats, kept: Mask, camera: Camera) -> Floats:
    """Unit normals towards the camera, from smoothed tangents (H, W, 3); 0 where there is none."""
    share = kept.astype(np.float32)
    count = np.asarray(cv2.boxFilter(share, -1, (3, 3), normalize=False))
    # float32 keeps enough digits only near the origin
    origin = positions[kept].mean(axis=0) if kept.any() else np.zeros(3)
    local = ((positions - origin) * share[..., None]).astype(np.float32)
    smooth = np.asarray(cv2.boxFilter(local, -1, (3, 3), normalize=False)) / np.maximum(count, 1)[..., None]
    s = _TANGENT_PX
    across = smooth[s:-s, 2 * s :] - smooth[s:-s, : -2 * s]
    down = smooth[2 * s :, s:-s] - smooth[: -2 * s, s:-s]
    towards = camera.center - origin - smooth[s:-s, s:-s]
    distance = np.linalg.norm(towards, axis=2)
    good = count >= 4
    good = kept[s:-s, s:-s] & good[s:-s, 2 * s :] & good[s:-s, : -2 * s] & good[2 * s :, s:-s] & good[: -2 * s, s:-s]
    good &= np.linalg.norm(across, axis=2) < LONGEST_TANGENT * distance
    good &= np.linalg.norm(down, axis=2) < LONGEST_TANGENT * distance
    cross = np.cross(across, down)
    cross *= np.sign((cross * towards).sum(axis=2))[..., None]
    cross /= np.maximum(np.linalg.norm(cross, axis=2), 1e-12)[..., None]
    normals = np.zeros(positions.shape)
    normals[s:-s, s:-s] = np.where(good[..., None], cross, 0)
    return normals
