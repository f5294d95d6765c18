"""A job as programs read it from `--json`."""

from __future__ import annotations

from typing import Any

from naomesh.cli.snapshot import reason_of
from naomesh.jobs.job import Job
from naomesh.jobs.states import JobState
from naomesh.policy.model import Start, Wait

PLAIN = (
    "job_id",
    "engine",
    "quality",
    "energy",
    "deadline",
    "submitted_at",
    "started_at",
    "last_started_at",
    "last_paused_at",
    "ended_at",
    "step_idx",
    "node",
    "forced",
    "pauses",
    "retries",
    "crashes",
    "photos_given",
    "megapixels",
    "expected_s",
    "left_s",
    "expected_draw_w",
    "pictures_obj_key",
)
"""Columns that go out as they are."""


def of(job: Job, answer: Wait | Start | None = None) -> dict[str, Any]:
    """The job's facts; `answer` is what the policy says of it now, if it waits."""
    facts: dict[str, Any] = {"job_id": job.job_id, "state": job.status}
    facts |= {name: getattr(job, name) for name in PLAIN}
    facts["progress"] = round(job.fraction, 3)
    waits = job.state is JobState.WAITING
    facts["reason"] = reason_of(job, answer) if waits else None
    facts["expected_start"] = answer.expected if waits and isinstance(answer, Wait) else None
    failed = job.error_code is not None
    facts["error"] = {"code": job.error_code, "message": job.error_message, "step": job.error_step} if failed else None
    return facts
