"""The runs of a job's steps on nodes: what each took, and which are done. A row with outcome `done` is a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from naomesh.engines.estimate import Measured
from naomesh.jobs.request import Quality
from naomesh.storage.tables import measurements, step_runs

GOING = "going"
DONE = "done"
FAILED = "failed"
STOPPED = "stopped"
"""Outcomes: `stopped` is a run that a cancel, a crash or a lost lease ended."""


@dataclass(frozen=True)
class StepRun:
    """One run of a step: `number` -1 is preparing the node, 99 storing the results; `draw_w` the mean draw in W."""

    id: int
    number: int
    name: str
    token: int
    node: str
    outcome: str
    started_at: datetime
    ended_at: datetime | None
    cpu_s: float
    peak_bytes: int
    disk_bytes: int
    draw_w: float
    facts: dict[str, Any]

    @property
    def wall_s(self) -> float:
        """How long it took, in s; 0 while it goes on."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else 0.0


def begin(
    connection: Connection, job_id: str, number: int, name: str, *, token: int, node: str, draw_w: float, now: datetime
) -> int:
    """A step starts to run; `draw_w` is expected until it is known. The new row's id."""
    result = connection.execute(
        insert(step_runs).values(
            job_id=job_id,
            number=number,
            name=name,
            token=token,
            node=node,
            outcome=GOING,
            started_at=now,
            draw_w=draw_w,
            facts={},
        )
    )
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - an insert of one row always has one
    return int(key[0])


def end(connection: Connection, run_id: int, outcome: str, *, now: datetime, **columns: Any) -> None:
    """A step's run is over."""
    connection.execute(
        update(step_runs).where(step_runs.c.id == run_id).values(outcome=outcome, ended_at=now, **columns)
    )


def stop_going(connection: Connection, job_id: str, *, now: datetime) -> None:
    """Close the runs of a job that nobody closed, because their process died."""
    connection.execute(
        update(step_runs)
        .where(step_runs.c.job_id == job_id, step_runs.c.outcome == GOING)
        .values(outcome=STOPPED, ended_at=now)
    )


def of_job(connection: Connection, job_id: str) -> list[StepRun]:
    """All runs of a job's steps, in order of time."""
    query = select(step_runs).where(step_runs.c.job_id == job_id).order_by(step_runs.c.id)
    return [_step_run(row) for row in connection.execute(query).mappings()]


def overlapping(connection: Connection, job_id: str, start: datetime, end: datetime) -> list[StepRun]:
    """The runs of other jobs' steps that went on at some time between `start` and `end`."""
    query = select(step_runs).where(
        step_runs.c.job_id != job_id,
        step_runs.c.started_at < end,
        step_runs.c.ended_at.is_(None) | (step_runs.c.ended_at > start),
    )
    return [_step_run(row) for row in connection.execute(query).mappings()]


def done_numbers(connection: Connection, job_id: str) -> set[int]:
    """The steps whose checkpoint is stored."""
    query = select(step_runs.c.number).where(step_runs.c.job_id == job_id, step_runs.c.outcome == DONE)
    return {number for number in connection.execute(query).scalars() if number >= 0 and number != 99}


def measure(connection: Connection, measured: Measured, now: datetime) -> None:
    """Keep what a step took, to learn from; it outlives the job."""
    connection.execute(
        insert(measurements).values(
            time=now,
            engine=measured.engine,
            step=measured.step,
            quality=measured.quality.value,
            photos=measured.photos,
            megapixels=measured.megapixels,
            node=measured.node,
            wall_s=measured.wall_s,
            peak_bytes=measured.peak_bytes,
            disk_bytes=measured.disk_bytes,
        )
    )


def measured(connection: Connection, engine: str, limit: int = 1000) -> list[Measured]:
    """What the steps of an engine took lately, the newest first."""
    query = select(measurements).where(measurements.c.engine == engine).order_by(measurements.c.id.desc()).limit(limit)
    return [
        Measured(
            engine=row["engine"],
            step=row["step"],
            quality=Quality(row["quality"]),
            photos=row["photos"],
            megapixels=row["megapixels"],
            node=row["node"],
            wall_s=row["wall_s"],
            peak_bytes=row["peak_bytes"],
            disk_bytes=row["disk_bytes"],
        )
        for row in connection.execute(query).mappings()
    ]


def _step_run(row: RowMapping) -> StepRun:
    return StepRun(**{key: value for key, value in row.items() if key != "job_id"})
