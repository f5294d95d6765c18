"""Step 3: match the features of each pair (nearest neighbours both ways, ratio test)."""

from __future__ import annotations

from pathlib import Path

from naomesh.engines.base import Facts
from naomesh.engines.pocket.colmap import copy_database, pycolmap, shrink_database
from naomesh.engines.pocket.report import StepError
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.steps import FEATURES, MATCHES, PAIRS
from naomesh.engines.pocket.watching import rows, watched


def run(run: Run) -> Facts:
    """Write the database with the matches, without the descriptors, which nobody needs any more."""
    target = Path(MATCHES)
    part = target.with_suffix(".part")
    copy_database(Path(FEATURES), part)
    pairs = len(Path(PAIRS).read_text(encoding="utf-8").splitlines())
    matching = pycolmap.FeatureMatchingOptions()
    matching.num_threads = run.threads
    matching.skip_geometric_verification = True
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = PAIRS
    with watched(rows(part, "matches"), pairs):
        pycolmap.match_image_pairs(part, matching_options=matching, pairing_options=pairing, device=pycolmap.Device.cpu)
    with pycolmap.Database.open(part) as database:
        matched, matches = database.num_matched_image_pairs(), database.num_matches()
    if matched == 0:
        raise no_overlap(0, len(_names(part)))
    shrink_database(part, "descriptors")
    part.replace(target)
    return {"pairs": pairs, "matched_pairs": matched, "matches": matches}


def no_overlap(placed: int, photos: int) -> StepError:
    """The photographs cannot be placed with respect to each other."""
    only = f"Only {placed}" if placed else "None"
    return StepError(
        "photos-do-not-overlap",
        f"{only} of {photos} photos could be placed; neighbours should share about two thirds of the picture.",
        "Take more photos in between, each a small step from the last.",
    )


def _names(database_path: Path) -> list[str]:
    with pycolmap.Database.open(database_path) as database:
        return [image.name for image in database.read_all_images()]
