"""What the Onion costs beside the work: a job whose engine does nothing, against a bare Prefect flow of 11 empty tasks.

The floor runs on the same server, in a process in which Prefect is imported already.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from floors import figure
from PIL import Image

from naomesh.orion.environment import prefect_environment
from naomesh.storage import jobs
from naomesh.testing.live import LiveOnion

MOST_OVER_S = 1.5
BARE = """
import statistics, sys, time
from prefect import flow, task

@task
def empty(): pass

@flow
def bare():
    for _ in range(11):
        empty()

times = []
for _ in range(int(sys.argv[1]) + 1):
    begun = time.perf_counter()
    bare()
    times.append(time.perf_counter() - begun)
print(statistics.median(times[1:]))
"""


def main(argv: list[str]) -> int:
    """Print the median of some runs, and what it is more than the floor."""
    parser = argparse.ArgumentParser(prog="overhead", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args(argv).runs
    with tempfile.TemporaryDirectory() as folder, LiveOnion(Path(folder) / "home", engine="nothing") as live:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for number in range(2):
            Image.effect_noise((64, 48), 90 + number).convert("RGB").save(photos / f"{number}.jpg")
        live.shine(1000.0)
        _time_job(live, "warm", photos)
        job_s = statistics.median(_time_job(live, f"job{number}", photos) for number in range(runs))
        environment = os.environ | prefect_environment(live.onion.home, live.supervisor.url)
        bare = subprocess.run(
            [sys.executable, "-c", BARE, str(runs)], env=environment, capture_output=True, text=True, check=True
        )
    floor_s = float(bare.stdout)
    figure("a job of 11 steps that do nothing", job_s, "s")
    figure("floor: a bare Prefect flow of 11 empty tasks", floor_s, "s")
    figure("ratio to the floor", job_s / floor_s)
    return 0 if figure("longer than the floor", job_s - floor_s, "s", at_most=MOST_OVER_S) else 1


def _time_job(live: LiveOnion, name: str, photos: Path) -> float:
    live.wait_for(lambda: not _worker_busy(live))
    begun = time.perf_counter()
    live.submit(name, photos)
    live.wait(name, lambda job: job.ended_at is not None)
    return time.perf_counter() - begun


def _worker_busy(live: LiveOnion) -> bool:
    with live.onion.database.read() as connection:
        return any(job.lease_worker for job in jobs.listed(connection))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
