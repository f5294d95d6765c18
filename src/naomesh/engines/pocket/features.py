"""Step 1: SIFT features of each photograph (Lowe 2004; square-root descriptors, Arandjelović and Zisserman 2012).

OpenCV's SIFT takes a quarter of the time of COLMAP's, and as many features as it was told to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from naomesh.engines.base import Facts
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.colmap import pycolmap, shrink_database
from naomesh.engines.pocket.listing import PHOTOS, ListedCamera, read_cameras
from naomesh.engines.pocket.presets import Preset
from naomesh.engines.pocket.processes import crew
from naomesh.engines.pocket.report import StepError
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.steps import FEATURES

FEWEST_FEATURES = 100
"""A photograph with fewer cannot be placed."""
CAMERA_MODEL = "SIMPLE_RADIAL"
CONTRAST = 0.02
"""Of a feature to its surroundings, at least (OpenCV divides it by the three layers of an octave)."""


@dataclass(frozen=True)
class Features:
    """`points` (N, 2) in pixels of the photograph, centres at +0.5; `descriptors` (N, 128)."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def run(run: Run) -> Facts:
    """Write the database with cameras, photographs, key points and descriptors."""
    cameras = read_cameras()
    names = [name for camera in cameras for name in camera.photos]
    jobs = [(name, run.preset) for name in names]
    with crew(min(run.threads, len(names))) as workers:
        found = workers.run_all(_features, jobs, lambda done: say_progress(done, len(names)))
    plain = sum(len(features.points) < FEWEST_FEATURES for features in found)
    if len(names) - plain < 2:
        raise StepError(
            "photos-without-detail",
            f"{plain} of {len(names)} photos show too little detail to be placed.",
            "Photograph textured surfaces, sharp and in good light.",
        )
    target = Path(FEATURES)
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    _write(part, cameras, dict(zip(names, found, strict=True)))
    shrink_database(part)
    part.replace(target)
    return {
        "photos": len(names),
        "features": sum(len(features.points) for features in found),
        "photos_without_detail": plain,
    }


def find_features(grey: NDArray[np.uint8], preset: Preset) -> Features:
    """The strongest features of a picture (H, W), in its own pixels."""
    height, width = grey.shape
    factor = min(1.0, preset.features_px / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if factor < 1 else grey
    sift = cv2.SIFT.create(nfeatures=preset.features, contrastThreshold=CONTRAST, enable_precise_upscale=True)
    points, descriptors = sift.detectAndCompute(small, None)
    if not points:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    where = (np.array([point.pt for point in points]) + 0.5) * (width / size[0], height / size[1])
    share = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    rooted = np.clip(np.rint(512 * np.sqrt(share)), 0, 255)
    return Features(where.astype(np.float32), rooted.astype(np.uint8))


def _features(job: tuple[str, Preset]) -> Features:
    name, preset = job
    grey = cv2.imread(str(PHOTOS / name), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        raise OSError(f"{PHOTOS / name} cannot be read")
    return find_features(np.asarray(grey, dtype=np.uint8), preset)


def _write(database_path: Path, cameras: list[ListedCamera], found: dict[str, Features]) -> None:
    for camera in cameras:
        reader = pycolmap.ImageReaderOptions()
        reader.camera_model = CAMERA_MODEL
        reader.existing_camera_id = _write_camera(database_path, camera)
        pycolmap.import_images(database_path, PHOTOS, image_names=camera.photos, options=reader)
    with pycolmap.Database.open(database_path) as database:
        for image in database.read_all_images():
            features = found[image.name]
            database.write_keypoints(image.image_id, features.points)
            database.write_descriptors(
                image.image_id, pycolmap.FeatureDescriptors(pycolmap.FeatureExtractorType.SIFT, features.descriptors)
            )


def _write_camera(database_path: Path, camera: ListedCamera) -> int:
    model = pycolmap.Camera.create_from_model_name(
        pycolmap.INVALID_CAMERA_ID, CAMERA_MODEL, camera.focal_px, camera.width, camera.height
    )
    model.has_prior_focal_length = camera.focal_known
    with pycolmap.Database.open(database_path) as database:
        return int(database.write_camera(model))
