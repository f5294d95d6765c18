"""The scene of the dense steps: undistorted cameras, sparse points, and which camera sees which point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Bytes, Camera, Floats, Ints
from naomesh.engines.pocket.steps import IMAGES, SCENE

if TYPE_CHECKING:
    from naomesh.engines.pocket.colmap import pycolmap

Grey = NDArray[np.float32]

LONGEST_ERROR_PX = 2.0
"""Sparse points that fit worse are left out."""
FEWEST_COMMON = 12
"""Two photographs that share fewer points are not neighbours."""
BEST_ANGLE_DEG = (7.0, 20.0)
"""Between two views' rays: below, depth is uncertain; above, the views look less alike."""
WORST_ANGLE_DEG = 50.0


@dataclass(frozen=True)
class Scene:
    """`points` (P, 3); `seen` (C, P) whether each camera sees each point."""

    cameras: tuple[Camera, ...]
    points: Floats
    seen: NDArray[np.bool_]

    def depth_range(self, index: int) -> tuple[float, float]:
        """Nearest and farthest depth to expect in a camera, with some room."""
        camera = self.cameras[index]
        depth = (self.points[self.seen[index]] @ camera.r.T + camera.t)[:, 2]
        near, far = np.percentile(depth, [1, 99])
        return float(near) * 0.9, float(far) * 1.15

    def neighbours(self, index: int, count: int) -> list[int]:
        """The cameras whose pictures tell most about this one's depth, the best first."""
        own = self.cameras[index].center
        scores: list[tuple[float, int]] = []
        for other, camera in enumerate(self.cameras):
            common = self.seen[index] & self.seen[other]
            if other == index or np.count_nonzero(common) < FEWEST_COMMON:
                continue
            a, b = own - self.points[common], camera.center - self.points[common]
            cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
            score = float(_angle_weight(np.degrees(np.arccos(np.clip(cosine, -1, 1)))).sum())
            scores.append((-score, other))
        return [other for _, other in sorted(scores)[:count]]


def write_scene(path: Path, model: pycolmap.Reconstruction) -> int:
    """Keep what the dense steps need of an undistorted reconstruction; returns the number of points kept."""
    images = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    good = {
        number: row
        for row, number in enumerate(
            number for number, point in sorted(model.points3D.items()) if point.error <= LONGEST_ERROR_PX
        )
    }
    seen = np.zeros((len(images), len(good)), dtype=np.bool_)
    cameras = []
    for row, image in enumerate(images):
        numbers = (point.point3D_id for point in image.points2D if point.has_point3D())
        seen[row, [good[number] for number in numbers if number in good]] = True
        calibration = model.cameras[image.camera_id]
        pose = image.cam_from_world()
        cameras.append((calibration.calibration_matrix(), pose.rotation.matrix(), pose.translation))
    np.savez_compressed(
        path,
        names=np.array([image.name for image in images], dtype=np.str_),
        sizes=np.array([(model.cameras[i.camera_id].width, model.cameras[i.camera_id].height) for i in images]),
        k=np.array([k for k, _, _ in cameras]),
        r=np.array([r for _, r, _ in cameras]),
        t=np.array([t for _, _, t in cameras]),
        points=np.array([model.points3D[number].xyz for number in good]).reshape(-1, 3),
        seen=np.packbits(seen, axis=1),
    )
    return len(good)


def read_scene() -> Scene:
    """What step 11 wrote."""
    with np.load(SCENE, allow_pickle=False) as stored:
        cameras = tuple(
            Camera(str(name), k, r, t, int(size[0]), int(size[1]))
            for name, size, k, r, t in zip(
                stored["names"], stored["sizes"], stored["k"], stored["r"], stored["t"], strict=True
            )
        )
        points: Floats = stored["points"]
        seen = np.unpackbits(stored["seen"], axis=1, count=len(points)).astype(np.bool_)
    return Scene(cameras, points, seen)


def reduced(camera: Camera, side_px: int) -> Camera:
    """The camera with its longer side at most `side_px`."""
    factor = min(1.0, side_px / max(camera.width, camera.height))
    width, height = round(camera.width * factor), round(camera.height * factor)
    k = np.diag([width / camera.width, height / camera.height, 1.0]) @ camera.k
    return replace(camera, k=k, width=width, height=height)


def read_rgb(camera: Camera) -> Bytes:
    """The undistorted photograph at the camera's size: (H, W, 3).

    :raises OSError: the photograph cannot be read.
    """
    image = cv2.imread(f"{IMAGES}/{camera.name}", cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise OSError(f"{IMAGES}/{camera.name} cannot be read")
    if image.shape[:2] != (camera.height, camera.width):
        image = cv2.resize(image, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.asarray(image, dtype=np.uint8)


def read_grey(camera: Camera) -> Grey:
    """The same in grey, 0..255: (H, W)."""
    return np.asarray(cv2.cvtColor(read_rgb(camera), cv2.COLOR_RGB2GRAY), dtype=np.float32)


def cell_size(scene: Scene, side_px: int) -> float:
    """What one pixel of the reduced photographs covers in the scene, typically."""
    sizes = []
    for index, camera in enumerate(scene.cameras):
        depth = (scene.points[scene.seen[index]] @ camera.r.T + camera.t)[:, 2]
        if len(depth):
            sizes.append(float(np.median(depth)) / reduced(camera, side_px).k[0, 0])
    return float(np.median(sizes))


def _angle_weight(angle: Floats) -> Floats:
    low, high = BEST_ANGLE_DEG
    return np.where(
        angle < low,
        (angle / low) ** 1.5,
        np.where(angle > high, np.maximum(0, 1 - (angle - high) / (WORST_ANGLE_DEG - high)), 1.0),
    )


__all__ = ["Floats", "Grey", "Ints", "Scene", "cell_size", "read_grey", "read_rgb", "read_scene", "reduced"]
