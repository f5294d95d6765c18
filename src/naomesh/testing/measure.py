"""How true a reconstruction is: against the known scene, and against its own photographs.

The reconstruction is laid over the truth by the similarity that brings its camera centres nearest to the true ones
(Umeyama 1991); nothing of the surface is used for that. All distances are exact, from points spread evenly over one
surface to the triangles of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import trimesh.triangles
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from naomesh.engines.mesh import Bytes, Camera, Floats, Ints, TexturedMesh
from naomesh.engines.render import draw, rasterise, scaled, vertex_normals
from naomesh.testing.scene import Truth

TOLERANCE_PERCENT = 0.8
"""How near counts as reached, in percent of the object's height, for coverage and F1."""
_NORMALS_WITHIN_PERCENT = 4.0
SAMPLES = 60_000
_CANDIDATES = 5


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + shift."""

    scale: float
    rotation: Floats
    shift: Floats

    def apply(self, points: Floats) -> Floats:
        """Move `points` (N, 3)."""
        return np.asarray(self.scale * points @ self.rotation.T + self.shift)


@dataclass(frozen=True)
class Accuracy:
    """A reconstruction against the truth. Percentages are of the object's height.

    `registered` of `photos` were placed; `camera_rmse_percent` after the alignment. `median_percent` and `p90_percent`:
    distance from points all over the reconstruction (object and ground) to the true surface. `coverage`: share of the
    true object's area that lies within 0.8 % of the reconstruction, and `visible_coverage` the same of the area that at
    least two cameras see. `f1`: harmonic mean of the shares of the reconstruction and of the true object and
    ground within 0.8 % of each other. `normals_deg`: median angle between the shading normals of the reconstructed
    and the true surface, over the object.
    """

    registered: int
    photos: int
    camera_rmse_percent: float
    median_percent: float
    p90_percent: float
    coverage: float
    visible_coverage: float
    f1: float
    normals_deg: float


def measure(
    model: TexturedMesh, truth: Truth, names: Mapping[str, str] | None = None, *, samples: int = SAMPLES
) -> Accuracy:
    """Compare `model` with `truth` at `samples` points of each surface.

    Cameras are matched by the photographs' names; `names` says what the model's cameras were called before (as
    `PhotoReport.names()` does).

    :raises ValueError: fewer than three cameras of the model are known to the truth.
    """
    known = {camera.name: camera for camera in truth.cameras}
    called = names or {}
    pairs = [
        (camera.center, known[called.get(camera.name, camera.name)].center)
        for camera in model.cameras
        if called.get(camera.name, camera.name) in known
    ]
    if len(pairs) < 3:
        raise ValueError(f"{len(pairs)} of {len(model.cameras)} cameras have a name that the truth knows; need 3")
    ours, theirs = (np.array(centers) for centers in zip(*pairs, strict=True))
    moved = align(ours, theirs)
    misplaced = np.linalg.norm(moved.apply(ours) - theirs, axis=1)

    percent = truth.height / 100
    built = Surface(moved.apply(model.vertices), model.faces, samples)
    real = Surface(truth.vertices, truth.faces, samples)
    found, found_normals = built.spread(samples)
    distance, nearest, true_normals = real.nearest(found)
    on_object = (nearest < truth.object_faces) & (distance < _NORMALS_WITHIN_PERCENT * percent)
    angles = np.degrees(np.arccos(np.clip((found_normals * true_normals).sum(axis=1)[on_object], -1, 1)))

    near = TOLERANCE_PERCENT * percent
    true_object, seen = _object_points(truth, samples)
    reached = built.nearest(true_object)[0] < near
    everywhere = real.spread(samples)[0]
    precision, recall = float((distance < near).mean()), float((built.nearest(everywhere)[0] < near).mean())
    return Accuracy(
        registered=len(pairs),
        photos=len(truth.cameras),
        camera_rmse_percent=float(np.sqrt((misplaced**2).mean()) / percent),
        median_percent=float(np.median(distance) / percent),
        p90_percent=float(np.percentile(distance, 90) / percent),
        coverage=float(reached.mean()),
        visible_coverage=float(reached[seen].mean()),
        f1=2 * precision * recall / max(precision + recall, 1e-9),
        normals_deg=float(np.median(angles)) if len(angles) else 180.0,
    )


def align(points: Floats, onto: Floats) -> Similarity:
    """The similarity that brings `points` (N, 3) nearest to `onto` (N, 3), in the least squares (Umeyama 1991)."""
    mean, target = points.mean(axis=0), onto.mean(axis=0)
    u, stretch, vt = np.linalg.svd((onto - target).T @ (points - mean))
    mirror = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(mirror) @ vt
    scale = float((stretch * mirror).sum() / ((points - mean) ** 2).sum())
    return Similarity(scale, rotation, target - scale * rotation @ mean)


class Surface:
    """A triangle mesh that answers what its nearest point is."""

    def __init__(self, vertices: Floats, faces: Ints, samples: int = SAMPLES) -> None:
        corners = vertices[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        kept = area > 0
        self.kept = np.flatnonzero(kept)
        self.corners = corners[kept]
        self.area = area[kept]
        self.normals = vertex_normals(vertices, faces)[faces[kept]]
        dense = self._scattered(max(6 * samples, 2 * len(self.corners)))
        self._dense_faces = np.concatenate([dense[0], np.arange(len(self.corners))])
        self._tree = cKDTree(np.concatenate([dense[1], self.corners.mean(axis=1)]))

    def spread(self, count: int) -> tuple[Floats, Floats]:
        """`count` points spread evenly over the area, and the shading normals there: (count, 3) each."""
        face, points, weights = self._scattered(count)
        return points, self._shading(face, weights)

    def nearest(self, points: Floats) -> tuple[Floats, Ints, Floats]:
        """Distance to the surface, the face (of the mesh that was given) and the shading normal there."""
        faces = self._dense_faces[np.asarray(self._tree.query(points, k=_CANDIDATES)[1])]
        repeated = np.repeat(points, _CANDIDATES, axis=0)
        feet = _closest(self.corners[faces.ravel()], repeated).reshape(len(points), _CANDIDATES, 3)
        distance = np.linalg.norm(feet - points[:, None], axis=2)
        best = (np.arange(len(points)), distance.argmin(axis=1))
        face = faces[best]
        return distance[best], self.kept[face], self._shading(face, self._weights(face, feet[best]))

    def _scattered(self, count: int) -> tuple[Ints, Floats, Floats]:
        rng = np.random.default_rng(0)
        share = np.cumsum(self.area) / self.area.sum()
        face = np.minimum(np.searchsorted(share, (np.arange(count) + rng.random(count)) / count), len(share) - 1)
        a, b = rng.random((2, count))
        a, b = np.where(a + b > 1, (1 - a, 1 - b), (a, b))
        weights = np.stack([1 - a - b, a, b], axis=1)
        return face, np.einsum("ni,nij->nj", weights, self.corners[face]), weights

    def _weights(self, face: Ints, points: Floats) -> Floats:
        """Barycentric coordinates of points on their faces."""
        a, b, c = (self.corners[face, i] for i in range(3))
        ab, ac, ap = b - a, c - a, points - a
        bb, bc, cc = ((x * y).sum(axis=1) for x, y in ((ab, ab), (ab, ac), (ac, ac)))
        pb, pc = (ap * ab).sum(axis=1), (ap * ac).sum(axis=1)
        scale = np.maximum(bb * cc - bc * bc, 1e-300)
        v, w = (cc * pb - bc * pc) / scale, (bb * pc - bc * pb) / scale
        return np.asarray(np.clip(np.stack([1 - v - w, v, w], axis=1), 0, 1))

    def _shading(self, face: Ints, weights: Floats) -> Floats:
        normals = np.einsum("ni,nij->nj", weights, self.normals[face])
        return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300))


def _closest(triangles: Floats, points: Floats) -> Floats:
    closest: Callable[[Floats, Floats], Floats] = trimesh.triangles.closest_point
    return np.asarray(closest(triangles, points))


def _object_points(truth: Truth, samples: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Points spread over the true object, and whether at least two cameras see them."""
    surface = Surface(truth.vertices, truth.faces[: truth.object_faces], samples)
    points = surface.spread(samples)[0]
    views = np.zeros(len(points), dtype=np.int64)
    for camera in truth.cameras:
        small = scaled(camera, min(1.0, 640 / camera.width))
        seen = rasterise(truth.vertices, truth.faces, small)
        depth = np.zeros((small.height, small.width))
        depth.reshape(-1)[seen.pixels] = seen.depth
        inside = points @ small.r.T + small.t
        xy = (inside @ small.k.T)[:, :2] / inside[:, 2:]
        within = ((xy > 0) & (xy < (small.width, small.height))).all(axis=1)
        column, row = xy[within].astype(np.int64).T
        views[within] += inside[within, 2] < depth[row, column] + 0.004 * truth.height
    return points, views >= 2


def psnr_db(model: TexturedMesh, photos: Path | Mapping[str, Bytes], *, oversample: int = 1) -> float:
    """How well the model, drawn from its photographs' own cameras, agrees with them, in dB (255 is full scale).

    One number over all pixels of all photographs that the model covers whole. `photos` are the pictures that the
    model's cameras describe (without distortion), by the cameras' names: arrays (H, W, 3), or a folder with them.
    `oversample` 2 takes four times as long and agrees a little better (0.3 dB on the known scene).

    :raises ValueError: no photograph of the model's cameras is there, or the model covers nothing.
    """
    squares, pixels = 0.0, 0
    for camera in model.cameras:
        photo = _photo(photos, camera)
        if photo is None:
            continue
        picture = draw(model, camera, oversample=oversample)
        covered = cv2.erode((picture.covered > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        difference = picture.rgb[covered].astype(np.float64) - photo[covered]
        squares += float((difference**2).sum())
        pixels += difference.size
    if not pixels:
        raise ValueError("no photograph of the model's cameras was found, or the model covers none of them")
    return float(10 * np.log10(255.0**2 / max(squares / pixels, 1e-9)))


def _photo(photos: Path | Mapping[str, Bytes], camera: Camera) -> Bytes | None:
    if isinstance(photos, Mapping):
        rgb = photos.get(camera.name)
    else:
        path = photos / camera.name
        rgb = np.asarray(Image.open(path).convert("RGB")) if path.is_file() else None
    if rgb is not None and rgb.shape[:2] != (camera.height, camera.width):
        rgb = np.asarray(cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return rgb
