"""A thousand green jobs wait for the sun: what they cost, and how soon the first runs when it returns."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from floors import figure
from PIL import Image

from naomesh.bootstrap import utc_now
from naomesh.jobs.job import uploads_prefix
from naomesh.jobs.request import JobRequest, Politic
from naomesh.jobs.states import JobState
from naomesh.storage import jobs
from naomesh.storage.database import Database
from naomesh.testing.live import DRAW_W, LiveOnion

MOST_S = 2.0
MOST_MB = 20.0


def main(argv: list[str]) -> int:
    """Print memory and time; the floor of the inserts is a bare insert of as many rows in one transaction each."""
    parser = argparse.ArgumentParser(prog="waiting", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    count = parser.parse_args(argv).jobs
    with tempfile.TemporaryDirectory() as folder, LiveOnion(Path(folder) / "home", engine="nothing") as live:
        live.shine(1000.0)
        photos = _photos(Path(folder) / "photos")
        live.submit("warm", photos)
        live.wait("warm", lambda job: job.ended_at is not None and job.flow_synced)
        live.shine(0.0)
        before_mb = _megabytes(live)
        begun = time.perf_counter()
        _insert(live.onion.database, count)
        insert_s = time.perf_counter() - begun
        live.wait_for(lambda: _all_synced(live), timeout_s=600)
        synced_s = time.perf_counter() - begun
        cost_mb = _megabytes(live) - before_mb
        for number in range(count):
            for file in photos.iterdir():
                live.onion.store.put(file, f"{uploads_prefix(f'wait{number}')}{file.name}")
        live.shine(0.0)
        begun = time.perf_counter()
        live.shine(DRAW_W + 50)
        live.wait_for(lambda: _running(live))
        first_s = time.perf_counter() - begun
    figure(f"rows of {count} jobs, a transaction each", insert_s, "s")
    figure("the same with their flow runs, all parked", synced_s, "s")
    cheap = figure(f"memory of Orion and worker for {count} waiting jobs", cost_mb, "MB", at_most=MOST_MB)
    soon = figure("the sun's return to the first RUNNING", first_s, "s", at_most=MOST_S)
    return 0 if cheap and soon else 1


def _photos(folder: Path) -> Path:
    folder.mkdir()
    for number in range(2):
        Image.effect_noise((64, 48), 90 + number).convert("RGB").save(folder / f"{number}.jpg")
    return folder


def _insert(database: Database, count: int) -> None:
    for number in range(count):
        now = utc_now()
        job_id = f"wait{number}"
        request = JobRequest(job_id, uploads_prefix(job_id), Politic(), now + timedelta(days=2))
        with database.write() as connection:
            jobs.create(
                connection,
                request,
                now=now,
                engine="nothing",
                photos_given=2,
                megapixels=1.0,
                expected_s=60.0,
                expected_draw_w=DRAW_W,
            )


def _all_synced(live: LiveOnion) -> bool:
    with live.onion.database.read() as connection:
        return not jobs.unsynced(connection, limit=1)


def _running(live: LiveOnion) -> bool:
    with live.onion.database.read() as connection:
        return jobs.counts(connection).get(JobState.RUNNING, 0) > 0


def _megabytes(live: LiveOnion) -> float:
    """Private memory of all processes; the median of some looks, since a server breathes."""
    roles = [live.role(role) for role in ("orion", "worker")]
    looks = []
    for _ in range(5):
        tree = [process for role in roles for process in (role, *role.children(recursive=True))]
        looks.append(sum(process.memory_full_info().uss for process in tree) / 1e6)
        time.sleep(0.2)
    return statistics.median(looks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
