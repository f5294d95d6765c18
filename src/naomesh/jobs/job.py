"""A job as it is read back: one row, with its states as states."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from naomesh.jobs.request import Energy, Politic, Quality
from naomesh.jobs.states import JobState

PREPARING = -1
"""`step_idx` while the node is prepared and the photographs arrive there."""
STORING = 99
"""`step_idx` while results are stored."""


@dataclass(frozen=True)
class Job:
    """One job. Times are aware UTC, `expected_s` (all of it) and `left_s` in s, `expected_draw_w` in W."""

    job_id: str
    state: JobState
    state_since: datetime
    pictures_obj_key: str
    engine: str
    quality: Quality
    energy: Energy
    deadline: datetime
    submitted_at: datetime
    photos_given: int
    megapixels: float
    expected_s: float
    left_s: float
    expected_draw_w: float
    flow_run_id: str | None
    flow_synced: bool
    held: bool
    step_idx: int
    step_started_at: datetime | None
    progress_done: float
    progress_total: float
    node: str | None
    forced: bool
    pauses: int
    retries: int
    crashes: int
    started_at: datetime | None
    last_started_at: datetime | None
    last_paused_at: datetime | None
    ended_at: datetime | None
    wait_reason: str
    lease_worker: str | None
    lease_token: int
    lease_expires_at: datetime | None
    error_code: str | None = None
    error_message: str | None = None
    error_step: int | None = None
    photos: dict[str, Any] | None = None
    receipt: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def politic(self) -> Politic:
        """How it is to be computed."""
        return Politic(self.quality, self.energy)

    @property
    def status(self) -> str:
        """The state in a user's words: a job parked in the middle is `paused`, one not yet begun is `waiting`."""
        if self.state is JobState.WAITING and self.started_at is not None:
            return "paused"
        return self.state.value

    @property
    def fraction(self) -> float:
        """How much of the running step is done, 0 to 1."""
        return min(1.0, self.progress_done / self.progress_total) if self.progress_total > 0 else 0.0


def uploads_prefix(job_id: str) -> str:
    """Where a job's photographs are in the object store."""
    return f"job{job_id}/uploads/"


def job_prefix(pictures_obj_key: str) -> str:
    """The prefix of all that belongs to a job: the parent of its uploads, with a closing slash and no leading one."""
    parent = pictures_obj_key.strip("/").rpartition("/")[0]
    return f"{parent}/" if parent else ""


def results_prefix(pictures_obj_key: str) -> str:
    """Where a job's results go: the sibling of its uploads."""
    return f"{job_prefix(pictures_obj_key)}results/"


def checkpoints_prefix(pictures_obj_key: str, step: int | None = None) -> str:
    """Where the checkpoint of a step goes (or of all steps)."""
    prefix = f"{job_prefix(pictures_obj_key)}checkpoints/"
    return prefix if step is None else f"{prefix}{step:02d}/"


def logs_prefix(pictures_obj_key: str) -> str:
    """Where the logs of a job's steps go."""
    return f"{job_prefix(pictures_obj_key)}logs/"
