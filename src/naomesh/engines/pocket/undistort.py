"""Step 11: photographs without lens distortion, and the scene as the dense steps read it."""

from __future__ import annotations

import shutil
from pathlib import Path

from naomesh.engines.base import Facts
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.listing import PHOTOS
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.scene import write_scene
from naomesh.engines.pocket.steps import IMAGES, SCENE, SPARSE
from naomesh.engines.pocket.watching import files, watched

JPEG_QUALITY = 95


def run(run: Run) -> Facts:
    """Write the undistorted photographs and the scene (cameras, sparse points, who sees which)."""
    scratch = Path(IMAGES).with_name("undistorted.part")
    shutil.rmtree(scratch, ignore_errors=True)
    options = pycolmap.UndistortCameraOptions()
    options.max_image_size = run.preset.texture_px
    photos = pycolmap.Reconstruction(SPARSE).num_reg_images()
    with watched(files(scratch / "images", "*.jpg"), photos):
        pycolmap.undistort_images(
            scratch,
            SPARSE,
            PHOTOS,
            output_type="COLMAP",
            undistort_options=options,
            jpeg_quality=JPEG_QUALITY,
            num_threads=run.threads,
        )
    points = write_scene(Path(SCENE), pycolmap.Reconstruction(scratch / "sparse"))
    target = Path(IMAGES)
    shutil.rmtree(target, ignore_errors=True)
    (scratch / "images").replace(target)
    shutil.rmtree(scratch)
    return {"registered": photos, "sparse_points": points}
