"""What the tests of a whole Onion share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from naomesh.jobs.job import Job
from naomesh.jobs.states import JobState
from naomesh.storage.steps import DONE
from naomesh.testing.live import LiveOnion

NUMBERS = [0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15]


def make_photos(folder: Path, count: int = 3) -> Path:
    """Small photographs, no two alike."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    for number in range(count):
        Image.fromarray(random.integers(0, 255, (48, 64, 3), np.uint8)).save(folder / f"photo {number}.jpg")
    return folder


def finished(job: Job) -> bool:
    """It ended well."""
    return job.state is JobState.FINISHED


def ended(job: Job) -> bool:
    """It ended, and Orion knows."""
    return job.ended_at is not None and job.flow_synced and job.lease_worker is None


def done_once(live: LiveOnion, job_id: str) -> bool:
    """Each step was finished once and no step twice."""
    return sorted(run.number for run in live.steps(job_id) if run.outcome == DONE and 0 <= run.number < 99) == NUMBERS


def redone(live: LiveOnion, job_id: str) -> int:
    """How many runs of steps were in vain."""
    return sum(run.outcome != DONE for run in live.steps(job_id) if 0 <= run.number < 99)


def run_state(live: LiveOnion, job_id: str) -> tuple[str, str, str]:
    """(type, name, message) of the state of the job's run in Orion."""
    run = httpx.get(f"{live.supervisor.url}/flow_runs/{live.job(job_id).flow_run_id}").json()
    state = run["state"]
    return state["type"], state["name"], state["message"] or ""


def set_run_state(live: LiveOnion, job_id: str, state: dict[str, Any]) -> None:
    """What Prefect's own UI does when a person presses a button."""
    url = f"{live.supervisor.url}/flow_runs/{live.job(job_id).flow_run_id}/set_state"
    httpx.post(url, json={"state": state, "force": False}).raise_for_status()


def processes_of(live: LiveOnion) -> list[psutil.Process]:
    """The processes of flows and steps (the worker itself, and what the fork server keeps, left out)."""
    keep = ("forkserver", "resource_tracker")
    found = live.role("worker").children(recursive=True)
    mine = [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    fork_server = [process for process in mine if any(word in " ".join(process.cmdline()) for word in keep)]
    children = [child for process in fork_server for child in process.children(recursive=True)]
    steps = [process for process in mine if process not in fork_server and process not in children]
    return [process for process in (*children, *steps) if process.status() != psutil.STATUS_ZOMBIE]
