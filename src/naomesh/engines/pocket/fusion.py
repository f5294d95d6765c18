"""From depth maps to one cloud of points: what at least one other view confirms, with normals, thinned out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Camera
from naomesh.engines.pocket.depthmap import DepthMap
from naomesh.engines.pocket.views import HALF_PIXEL

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

CONSISTENT = 0.004
"""Two depths that differ by less than this share of themselves are the same surface."""
STEEPEST_COSINE = float(np.cos(np.radians(72)))
"""Surfaces seen at a flatter angle are too uncertain."""
LONGEST_TANGENT = 0.03
"""Tangents longer than this share of the distance cross an edge."""
_TANGENT_PX = 2


@dataclass(frozen=True)
class Cloud:
    """`points` and `normals` (N, 3), float32."""

    points: Map
    normals: Map


def confirmed_points(own: DepthMap, others: list[DepthMap], least_views: int) -> Cloud:
    """The points of `own` that at least `least_views` of the others confirm, each moved to the mean depth."""
    depth, views = mean_depth(own, others)
    kept = views >= least_views
    local = _back_projected(own.camera, depth)
    normals, good = _normals(local, kept)
    distance = np.linalg.norm(local, axis=2)
    good &= -(normals * local).sum(axis=2) > STEEPEST_COSINE * distance
    camera = own.camera
    points = (local[good].astype(np.float64) - camera.t) @ camera.r
    return Cloud(points.astype(np.float32), (normals[good] @ camera.r).astype(np.float32))


def mean_depth(own: DepthMap, others: list[DepthMap]) -> tuple[Map, NDArray[np.int32]]:
    """The mean of the depths that agree (H, W), and how many others agree (H, W)."""
    height, width = own.depth.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    z = own.depth
    total, views = z.copy(), np.zeros(z.shape, dtype=np.int32)
    back = np.linalg.inv(own.camera.k - HALF_PIXEL)
    for other in others:
        # A pixel at depth z lies at z (x, y, 1) h + s in the other picture, where the third number is its depth there.
        rotation = other.camera.r @ own.camera.r.T
        k = other.camera.k - HALF_PIXEL
        h = (k @ rotation @ back).astype(np.float32)
        s = (k @ (other.camera.t - rotation @ own.camera.t)).astype(np.float32)
        u, v, there = (z * (h[i, 0] * x + h[i, 1] * y + h[i, 2]) + s[i] for i in range(3))
        front = np.maximum(there, 1e-9)
        seen = cv2.remap(other.depth, u / front, v / front, cv2.INTER_LINEAR)
        stretch = seen / front
        agree = (z > 0) & (there > 0) & (np.abs(stretch - 1) <= CONSISTENT)
        # The other's surface lies on its own ray through the pixel; this is its depth for us.
        centre = np.float32((own.camera.r @ other.camera.center + own.camera.t)[2])
        total += np.where(agree, centre + (z - centre) * stretch, 0)
        views += agree
    return np.asarray(total / (views + 1), dtype=np.float32), views


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


def _back_projected(camera: Camera, depth: Map) -> Map:
    """Positions (H, W, 3) in the camera's frame."""
    height, width = depth.shape
    x = ((np.arange(width) + 0.5 - camera.k[0, 2]) / camera.k[0, 0]).astype(np.float32)
    y = ((np.arange(height) + 0.5 - camera.k[1, 2]) / camera.k[1, 1]).astype(np.float32)
    return np.stack([depth * x[None, :], depth * y[:, None], depth], axis=2)


def _normals(local: Map, kept: Mask) -> tuple[Map, Mask]:
    """Unit normals (H, W, 3) towards the camera at the origin, from smoothed tangents, and where there is one."""
    share = kept.astype(np.float32)
    count = np.asarray(cv2.boxFilter(share, -1, (3, 3), normalize=False))
    summed = cv2.boxFilter(local * share[..., None], -1, (3, 3), normalize=False)
    smooth = np.asarray(summed / np.maximum(count, 1)[..., None], dtype=np.float32)
    s = _TANGENT_PX
    middle = (slice(s, -s), slice(s, -s))
    across = smooth[s:-s, 2 * s :] - smooth[s:-s, : -2 * s]
    down = smooth[2 * s :, s:-s] - smooth[: -2 * s, s:-s]
    whole = count >= 4
    good = kept[middle] & whole[s:-s, 2 * s :] & whole[s:-s, : -2 * s] & whole[2 * s :, s:-s] & whole[: -2 * s, s:-s]
    longest = LONGEST_TANGENT * np.linalg.norm(smooth[middle], axis=2)
    good &= (np.linalg.norm(across, axis=2) < longest) & (np.linalg.norm(down, axis=2) < longest)
    cross = np.cross(down, across)  # x to the right, y down: this one points back to the camera
    cross /= np.maximum(np.linalg.norm(cross, axis=2, keepdims=True), 1e-20)
    normals = np.zeros(local.shape, dtype=np.float32)
    normals[middle] = cross
    valid = np.zeros(kept.shape, dtype=np.bool_)
    valid[middle] = good
    return normals, valid
