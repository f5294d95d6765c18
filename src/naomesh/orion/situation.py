"""From the database to what the decision looks at: the signals and the fleet, as they are now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, RowMapping, case, func, select

from naomesh.jobs.request import Energy
from naomesh.jobs.states import JobState
from naomesh.policy.model import Fleet, JobView, Rules, Signals
from naomesh.settings import PolicySettings
from naomesh.storage import site
from naomesh.storage.tables import jobs, readings

_COLUMNS = (
    jobs.c.job_id,
    jobs.c.state,
    jobs.c.energy,
    jobs.c.deadline,
    jobs.c.expected_draw_w,
    jobs.c.left_s,
    jobs.c.submitted_at,
    jobs.c.last_started_at,
    jobs.c.last_paused_at,
    jobs.c.step_started_at,
    jobs.c.held,
    jobs.c.lease_worker,
)
_STATES = (JobState.WAITING, JobState.GRANTED, JobState.RUNNING, JobState.CANCELLING)


def load(connection: Connection, now: datetime) -> tuple[Signals, Fleet]:
    """The signals, and the fleet with all that waits (jobs that a person holds, or whose last worker has not yet let
    go of them, left out)."""
    waiting, granted, running = [], [], []
    query = select(*_COLUMNS).where(jobs.c.state.in_([state.value for state in _STATES]))
    for row in connection.execute(query.order_by(jobs.c.deadline, jobs.c.submitted_at)).mappings():
        match JobState(row["state"]):
            case JobState.WAITING:
                if not row["held"] and row["lease_worker"] is None:
                    waiting.append(_view(row, now))
            case JobState.GRANTED:
                granted.append(_view(row, now))
            case _:
                running.append(_view(row, now))
    fleet = Fleet(
        slots=site.slots(connection, now), running=tuple(running), granted=tuple(granted), waiting=tuple(waiting)
    )
    local = now.astimezone()  # reasons tell the time as the site's people read it
    return site.signals(connection, local), fleet


def fingerprint(connection: Connection, now: datetime) -> tuple[object, ...]:
    """Something that changes whenever the situation does, but for the passing of time; much cheaper than to load it."""
    held = func.count(case((jobs.c.held, 1)))
    query = select(
        func.count(), func.max(jobs.c.state_since), func.sum(jobs.c.lease_token), func.count(jobs.c.flow_run_id), held
    ).where(jobs.c.state.in_([state.value for state in _STATES]))
    newest = connection.execute(select(func.max(readings.c.id))).scalar()
    return (newest, site.slots(connection, now), *connection.execute(query).one())


def rules(settings: PolicySettings) -> Rules:
    """The knobs as they are set."""
    return Rules(**settings.model_dump())


def _since(row: RowMapping) -> datetime | None:
    """When the job was last started or paused; a retry or a crash is no pause, after which it would have to rest."""
    started: datetime | None = row["last_started_at"]
    paused: datetime | None = row["last_paused_at"]
    if row["state"] != JobState.WAITING.value:
        return started
    return paused if paused is not None and started is not None and paused > started else None


def _view(row: RowMapping, now: datetime) -> JobView:
    left_s = row["left_s"]
    if row["state"] == JobState.RUNNING.value and row["step_started_at"] is not None:
        left_s = max(0.0, left_s - (now - row["step_started_at"]).total_seconds())
    return JobView(
        job_id=row["job_id"],
        green=row["energy"] == Energy.GREEN.value,
        deadline=row["deadline"],
        draw_w=row["expected_draw_w"],
        left_s=left_s,
        submitted=row["submitted_at"],
        since=_since(row),
    )
