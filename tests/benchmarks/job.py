"""The relief job through a running Onion, against the same engine run by hand, step after step."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from floors import figure

from naomesh.engines.base import Command, StepTask
from naomesh.engines.photos.report import PhotoReport
from naomesh.jobs.request import Quality
from naomesh.nodes.local import LocalNode, LocalProvider
from naomesh.settings import EngineSettings
from naomesh.testing.live import LiveOnion

PHOTOS = Path(__file__).resolve().parents[3] / "shared/data/photos/relief"
MOST_OVER_S = 5.0
MOST_OVER = 0.03


def main(argv: list[str]) -> int:
    """Print both times and their difference."""
    parser = argparse.ArgumentParser(prog="job", description=__doc__)
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    photos = parser.parse_args(argv).photos
    if not photos.is_dir():
        print(f"no photographs in {photos}: name a folder with --photos")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        by_hand_s = _by_hand(photos, Path(folder) / "work")
        with LiveOnion(Path(folder) / "home", engine="pocket") as live:
            live.shine(1000.0)
            begun = time.perf_counter()
            live.submit("relief", photos)
            job = live.wait("relief", lambda job: job.ended_at is not None, timeout_s=3600)
            job_s = time.perf_counter() - begun
    if job.error_code:
        print(f"the job failed: {job.error_message}")
        return 1
    figure("the relief job, quality bad", job_s, "s")
    figure("floor: the engine by hand", by_hand_s, "s")
    over_s = job_s - by_hand_s
    return 0 if figure("longer than the floor", over_s, "s", at_most=MOST_OVER_S + MOST_OVER * by_hand_s) else 1


def _by_hand(photos: Path, work: Path) -> float:
    from naomesh.engines import build

    engine = build(EngineSettings(name="pocket"))
    node = LocalProvider(work).acquire("hand")
    uploads = node.workspace / "uploads"
    uploads.mkdir()
    for file in photos.iterdir():
        (uploads / file.name).write_bytes(file.read_bytes())
    begun = time.perf_counter()
    _run(node, Command((sys.executable, "-m", "naomesh.engines.photos", "--threads", str(node.threads))))
    task = _task(node)
    for step in engine.steps:
        _run(node, engine.command(step, task))
    _run(node, engine.export())
    return time.perf_counter() - begun


def _task(node: LocalNode) -> StepTask:
    report = PhotoReport.read(node.workspace / "photos.json")
    megapixels = sum(photo.width * photo.height for photo in report.used) / 1e6
    return StepTask(Quality.BAD, len(report.used), megapixels, node.threads, node.memory_bytes)


def _run(node: LocalNode, command: Command) -> None:
    ended = node.run(command, node.workspace.parent / "hand.log", lambda _line: None)
    if ended.exit_code:
        raise SystemExit("\n".join(ended.tail))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
