"""Step 5: incremental structure from motion (Schönberger and Frahm 2016, as in COLMAP)."""

from __future__ import annotations

import shutil
from pathlib import Path

from naomesh.engines.base import Facts
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.colmap import copy_database, pycolmap
from naomesh.engines.pocket.listing import PHOTOS, given_names
from naomesh.engines.pocket.matches import no_overlap
from naomesh.engines.pocket.run import SEED, Run
from naomesh.engines.pocket.steps import SPARSE, VERIFIED

FEWEST_CAMERAS = 3
LEAST_SHARE = 0.5
"""With less than this share of the photographs placed, the model would not be what was photographed."""


def run(run: Run) -> Facts:
    """Write the largest model that could be built."""
    scratch = Path(SPARSE).with_name("sparse.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    database_path = scratch / "verified.db"
    copy_database(Path(VERIFIED), database_path)  # SQLite writes beside what it reads
    with pycolmap.Database.open(database_path) as database:
        names = {image.name for image in database.read_all_images()}
    best = _largest(_map(database_path, scratch, run, len(names), relaxed=False))
    if best is None or best.num_reg_images() < len(names) * LEAST_SHARE:
        second = _largest(_map(database_path, scratch, run, len(names), relaxed=True))
        if second is not None and (best is None or second.num_reg_images() > best.num_reg_images()):
            best = second
    placed = best.num_reg_images() if best is not None else 0
    if best is None or placed < max(FEWEST_CAMERAS, len(names) * LEAST_SHARE):
        raise no_overlap(placed, len(names))
    target = Path(SPARSE)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    best.write(target)
    shutil.rmtree(scratch)
    called = given_names()
    missing = sorted(names - {image.name for image in best.images.values() if image.has_pose})
    return {
        "photos": len(names),
        "registered": placed,
        "left_out": [called.get(name, name) for name in missing],
        "sparse_points": best.num_points3D(),
        "reprojection_error_px": round(float(best.compute_mean_reprojection_error()), 3),
    }


def _map(
    database_path: Path, folder: Path, run: Run, photos: int, *, relaxed: bool
) -> dict[int, pycolmap.Reconstruction]:
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = run.threads
    options.random_seed = SEED
    options.min_model_size = FEWEST_CAMERAS
    options.max_num_models = 3
    options.extract_colors = False
    if relaxed:  # little parallax, few matches: worth a try before giving up
        options.mapper.init_min_num_inliers = 40
        options.mapper.init_min_tri_angle = 4.0
        options.mapper.abs_pose_min_num_inliers = 15
    pycolmap.set_random_seed(SEED)
    placed = 2

    def one_more() -> None:
        nonlocal placed
        placed = min(placed + 1, photos)
        say_progress(placed, photos)

    models = folder / ("relaxed" if relaxed else "usual")
    models.mkdir()
    found: dict[int, pycolmap.Reconstruction] = pycolmap.incremental_mapping(
        database_path, PHOTOS, models, options, next_image_callback=one_more
    )
    return found


def _largest(models: dict[int, pycolmap.Reconstruction]) -> pycolmap.Reconstruction | None:
    return max(models.values(), key=lambda model: model.num_reg_images(), default=None)
