"""Step 4: keep the matches that one camera motion explains (RANSAC, as in COLMAP)."""

from __future__ import annotations

from pathlib import Path

from naomesh.engines.base import Facts
from naomesh.engines.pocket.colmap import copy_database, pycolmap, shrink_database
from naomesh.engines.pocket.matches import no_overlap
from naomesh.engines.pocket.run import SEED, Run
from naomesh.engines.pocket.steps import MATCHES, VERIFIED
from naomesh.engines.pocket.watching import rows, watched


def run(run: Run) -> Facts:
    """Write the database with the verified matches, without the raw ones."""
    target = Path(VERIFIED)
    part = target.with_suffix(".part")
    copy_database(Path(MATCHES), part)
    with pycolmap.Database.open(part) as database:
        pairs, photos = database.num_matched_image_pairs(), database.num_images()
    verifier = pycolmap.GeometricVerifierOptions()
    verifier.num_threads = run.threads
    geometry = pycolmap.TwoViewGeometryOptions()
    geometry.ransac.random_seed = SEED
    with watched(rows(part, "two_view_geometries"), pairs):
        pycolmap.geometric_verification(part, verifier_options=verifier, two_view_geometry_options=geometry)
    with pycolmap.Database.open(part) as database:
        verified, inliers = database.num_verified_image_pairs(), database.num_inlier_matches()
    if verified == 0:
        raise no_overlap(0, photos)
    shrink_database(part, "matches")
    part.replace(target)
    return {"pairs": pairs, "verified_pairs": verified, "inlier_matches": inliers}
