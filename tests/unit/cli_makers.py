"""Jobs and step runs for the tests of the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from naomesh.jobs.job import Job, uploads_prefix
from naomesh.jobs.request import Energy, Quality
from naomesh.jobs.states import JobState
from naomesh.storage.steps import DONE, GOING, StepRun

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def job(job_id: str, **columns: Any) -> Job:
    """A job that waits, submitted an hour before NOW."""
    submitted = NOW - timedelta(hours=1)
    values: dict[str, Any] = {
        "job_id": job_id,
        "state": JobState.WAITING,
        "state_since": submitted,
        "pictures_obj_key": uploads_prefix(job_id),
        "engine": "nothing",
        "quality": Quality.BAD,
        "energy": Energy.GREEN,
        "deadline": NOW + timedelta(hours=23),
        "submitted_at": submitted,
        "photos_given": 14,
        "megapixels": 26.9,
        "expected_s": 60.0,
        "left_s": 60.0,
        "expected_draw_w": 117.0,
        "flow_run_id": None,
        "flow_synced": True,
        "held": False,
        "step_idx": 0,
        "step_started_at": None,
        "progress_done": 0.0,
        "progress_total": 0.0,
        "node": None,
        "forced": False,
        "pauses": 0,
        "retries": 0,
        "crashes": 0,
        "started_at": None,
        "last_started_at": None,
        "last_paused_at": None,
        "ended_at": None,
        "wait_reason": "",
        "lease_worker": None,
        "lease_token": 0,
        "lease_expires_at": None,
    }
    return Job(**(values | columns))


def step_run(number: int, *, wall_s: float | None, facts: dict[str, Any] | None = None, outcome: str = DONE) -> StepRun:
    """One run of a step; without `wall_s` it goes on."""
    started = NOW - timedelta(minutes=30)
    return StepRun(
        id=number + 2,
        number=number,
        name=f"s{number}",
        token=1,
        node="vm",
        outcome=GOING if wall_s is None else outcome,
        started_at=started if wall_s is not None else NOW - timedelta(seconds=5),
        ended_at=None if wall_s is None else started + timedelta(seconds=wall_s),
        cpu_s=1.0,
        peak_bytes=1_000_000,
        disk_bytes=0,
        draw_w=117.0,
        facts=facts or {},
    )
