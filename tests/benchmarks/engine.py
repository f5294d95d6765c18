"""The pocket engine: time, memory and truth, with what pycolmap alone takes on the same photographs beside it.

engine                      everything (about ten minutes on two cores)
engine relief-bad scene     some parts: relief-bad, relief-good, scene, scene-large
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from floors import figure
from pocket_support import Run, floor_s, run_engine

from naomesh.jobs.request import Quality
from naomesh.testing.measure import Accuracy, measure, psnr_db
from naomesh.testing.scene import VIEWS, photograph_all

RELIEF = Path(__file__).resolve().parents[3] / "shared/data/photos/relief"
LARGE = (1200, 900)
TIMES_FLOOR = {Quality.BAD: 6.0, Quality.GOOD: 18.0}
BETTER = 0.8
"""Of bad's median error, at most, is good's."""


def main(argv: list[str]) -> int:
    """Run the parts that were asked for; 0 when every floor was reached."""
    parser = argparse.ArgumentParser(prog="engine", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--photos", type=Path, default=RELIEF, help="folder with the relief's photographs")
    parser.add_argument("--keep", type=Path, help="folder in which the models stay")
    given = parser.parse_args(argv)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    reached = True
    with tempfile.TemporaryDirectory() as scratch:
        base = given.keep or Path(scratch)
        for part in given.parts or PARTS:
            print(f"-- {part}", flush=True)
            work = base / part
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            reached &= PARTS[part](work, given.photos)
    return 0 if reached else 1


def relief(work: Path, photos: Path, quality: Quality) -> bool:
    """The real photographs of a bronze relief."""
    if not photos.is_dir():
        print(f"   left out: no photographs in {photos}; name a folder with --photos")
        return True
    shutil.copytree(photos, work / "photos")
    alone_s = floor_s(work)
    run = run_engine(work, quality)
    count = run.task.photos
    good = [
        _time(run, alone_s, quality),
        figure("photos placed", _number(run, 5, "registered"), f"of {count}", at_least=count),
        figure("faces", _number(run, 15, "faces"), at_least=50_000),
        figure("PSNR against the photos", psnr_db(run.model(), run.undistorted), "dB", at_least=24.0),
    ]
    if quality is Quality.BAD:
        good.append(figure("peak memory of all processes", run.peak_bytes / 1e6, "MB", at_most=1200.0))
    else:
        figure("peak memory of all processes", run.peak_bytes / 1e6, "MB")
    return all(good)


def scene(work: Path, _: Path) -> bool:
    """24 photographs of 640x480 of a known scene."""
    truth = photograph_all(work / "photos")
    alone_s = floor_s(work)
    run = run_engine(work, Quality.BAD)
    got = measure(run.model(), truth)
    _time(run, alone_s, Quality.BAD)
    return all(
        (
            figure("the whole engine", run.wall_s, "s", at_most=30.0),
            _placed(got),
            _truth(got, median=0.20, p90=0.60, coverage=0.85, normals=3.0),
            figure("PSNR against the photos", psnr_db(run.model(), run.undistorted), "dB", at_least=30.0),
        )
    )


def scene_large(work: Path, _: Path) -> bool:
    """24 photographs of 1200x900 of the same scene, in both qualities."""
    truth = photograph_all(work / "bad/photos", size=LARGE)
    (work / "good").mkdir()
    (work / "good/photos").symlink_to(work / "bad/photos")
    alone_s = floor_s(work / "bad")
    medians, reached = {}, True
    for quality in (Quality.BAD, Quality.GOOD):
        run = run_engine(work / quality.value, quality)
        got = measure(run.model(), truth)
        medians[quality] = got.median_percent
        print(f"   quality {quality.value}")
        reached &= _time(run, alone_s, quality) & _placed(got)
        good = quality is Quality.GOOD
        reached &= _truth(got, median=0.12, p90=0.22, coverage=0.91, normals=1.0) if good else _truth(got)
        figure("PSNR against the photos", psnr_db(run.model(), run.undistorted), "dB")
    ratio = medians[Quality.GOOD] / medians[Quality.BAD]
    return figure("median error, good over bad", ratio, at_most=BETTER) & reached


def _time(run: Run, alone_s: float, quality: Quality) -> bool:
    slowest = sorted(run.outcomes, key=lambda number: -run.outcomes[number].wall_s)[:4]
    figure("floor: pycolmap's features, matching and mapping", alone_s, "s")
    figure("the engine, all steps", run.wall_s, "s")
    for number in slowest:
        figure(f"  of it step {number}", run.outcomes[number].wall_s, "s")
    return figure("times the floor", run.wall_s / alone_s, at_most=TIMES_FLOOR[quality])


def _placed(got: Accuracy) -> bool:
    return figure("photos placed", got.registered, f"of {VIEWS}", at_least=VIEWS)


def _truth(
    got: Accuracy,
    *,
    median: float | None = None,
    p90: float | None = None,
    coverage: float | None = None,
    normals: float | None = None,
) -> bool:
    figure("share of what two cameras see that is there", got.visible_coverage)
    figure("F1 at 0.8 % of the height", got.f1)
    return all(
        (
            figure("median distance to the truth, of the height", got.median_percent, "%", at_most=median),
            figure("90 % are within, of the height", got.p90_percent, "%", at_most=p90),
            figure("share of the object that is there", got.coverage, at_least=coverage),
            figure("median error of the normals", got.normals_deg, "degrees", at_most=normals),
        )
    )


def _number(run: Run, step: int, fact: str) -> float:
    value = run.facts[step][fact]
    return float(value) if isinstance(value, int | float) else 0.0


PARTS: dict[str, Callable[[Path, Path], bool]] = {
    "relief-bad": lambda work, photos: relief(work, photos, Quality.BAD),
    "relief-good": lambda work, photos: relief(work, photos, Quality.GOOD),
    "scene": scene,
    "scene-large": scene_large,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
