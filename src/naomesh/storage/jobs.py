"""The jobs table: create, read, move. Every change of a job's state goes through `move`, which knows the legal ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from naomesh.errors import IllegalMove, JobError, LeaseLost
from naomesh.jobs.job import Job
from naomesh.jobs.request import Energy, JobRequest, Quality
from naomesh.jobs.states import JobState, sources_of
from naomesh.storage.tables import events, jobs


def create(
    connection: Connection,
    request: JobRequest,
    *,
    now: datetime,
    engine: str,
    photos_given: int,
    megapixels: float,
    expected_s: float,
    expected_draw_w: float,
) -> Job:
    """One request becomes one row. The same request again is answered by the row that is there.

    :raises JobError: the id is known, with another request under it (`job-exists`).
    """
    known = find(connection, request.job_id)
    if known is not None:
        same = (known.pictures_obj_key, known.politic) == (request.pictures_obj_key, request.politic)
        if same and known.deadline == request.deadline:
            return known
        raise JobError(
            f"there is already another job {request.job_id}, with other settings.",
            mend="Give this one another id.",
            code="job-exists",
        )
    connection.execute(
        insert(jobs).values(
            job_id=request.job_id,
            state=JobState.WAITING.value,
            state_since=now,
            pictures_obj_key=request.pictures_obj_key,
            engine=engine,
            quality=request.politic.quality.value,
            energy=request.politic.energy.value,
            deadline=request.deadline,
            submitted_at=now,
            photos_given=photos_given,
            megapixels=megapixels,
            expected_s=expected_s,
            left_s=expected_s,
            expected_draw_w=expected_draw_w,
        )
    )
    record(connection, request.job_id, "submitted", f"{photos_given} photographs, {request.politic.quality}", now)
    return get(connection, request.job_id)


def find(connection: Connection, job_id: str) -> Job | None:
    """The job with that id, or None."""
    row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).mappings().first()
    return None if row is None else _job(row)


def get(connection: Connection, job_id: str) -> Job:
    """The job with that id.

    :raises JobError: there is none (`no-job`).
    """
    job = find(connection, job_id)
    if job is None:
        raise JobError(f"there is no job {job_id!r}.", mend="`naomesh jobs` lists them all.", code="no-job")
    return job


def by_flow_run(connection: Connection, flow_run_id: str) -> Job | None:
    """The job of a flow run, or None where the run is not ours."""
    row = connection.execute(select(jobs).where(jobs.c.flow_run_id == flow_run_id)).mappings().first()
    return None if row is None else _job(row)


def listed(connection: Connection, states: Iterable[JobState] | None = None, limit: int | None = None) -> list[Job]:
    """Jobs in order of submission, the newest last; all states where none are named."""
    query = select(jobs).order_by(jobs.c.submitted_at, jobs.c.job_id).limit(limit)
    if states is not None:
        query = query.where(jobs.c.state.in_([state.value for state in states]))
    return [_job(row) for row in connection.execute(query).mappings()]


def unsynced(connection: Connection, limit: int = 100) -> list[Job]:
    """Jobs of whose last move Orion has yet to be told; those whose process still lives may tell it themselves."""
    pending = jobs.c.flow_synced.is_(False) & jobs.c.lease_worker.is_(None)
    query = select(jobs).where(pending).order_by(jobs.c.submitted_at).limit(limit)
    return [_job(row) for row in connection.execute(query).mappings()]


def expired(connection: Connection, now: datetime, own: str | None = None) -> list[Job]:
    """Jobs that somebody holds whose lease has run out, or all that `own` holds."""
    lost = jobs.c.lease_expires_at < now
    mine = lost if own is None else or_(lost, jobs.c.lease_worker == own)
    query = select(jobs).where(jobs.c.lease_worker.is_not(None), mine)
    return [_job(row) for row in connection.execute(query).mappings()]


def counts(connection: Connection) -> dict[JobState, int]:
    """How many jobs are in each state."""
    rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
    return {JobState(state): int(number) for state, number in rows}


def move(
    connection: Connection,
    job_id: str,
    target: JobState,
    *,
    now: datetime,
    token: int | None = None,
    message: str = "",
    **columns: Any,
) -> None:
    """Move a job to another state, if that is legal from where it is, and write down why.

    `token` is the mover's lease token: only its holder may move a leased job. `columns` change with it.

    :raises JobError: no such job (`no-job`).
    :raises LeaseLost: the token is not the job's any more.
    :raises IllegalMove: the job's state does not lead there.
    """
    statement = update(jobs).where(
        jobs.c.job_id == job_id, jobs.c.state.in_([state.value for state in sources_of(target)])
    )
    if token is not None:
        statement = statement.where(jobs.c.lease_token == token)
    done = connection.execute(statement.values(state=target.value, state_since=now, **columns))
    if done.rowcount == 0:
        job = get(connection, job_id)
        if token is not None and job.lease_token != token:
            raise LeaseLost(f"job {job_id} was taken over by another worker.")
        raise IllegalMove(f"job {job_id} is {job.status}, and cannot become {target.value}.")
    record(connection, job_id, target.value, message, now)


def change(connection: Connection, job_id: str, *, token: int | None = None, **columns: Any) -> None:
    """Change columns of a job, state excepted.

    :raises LeaseLost: the token is not the job's any more.
    """
    statement = update(jobs).where(jobs.c.job_id == job_id)
    if token is not None:
        statement = statement.where(jobs.c.lease_token == token)
    if connection.execute(statement.values(**columns)).rowcount == 0 and token is not None:
        raise LeaseLost(f"job {job_id} was taken over by another worker.")


def remove(connection: Connection, job_id: str) -> None:
    """Forget a job, with its steps and its events."""
    connection.execute(delete(jobs).where(jobs.c.job_id == job_id))


def record(connection: Connection, job_id: str, kind: str, message: str, now: datetime) -> None:
    """Add an event to a job's history."""
    connection.execute(insert(events).values(job_id=job_id, time=now, kind=kind, message=message))


def history(connection: Connection, job_id: str) -> list[tuple[datetime, str, str]]:
    """(time, kind, message) of a job's events, the oldest first."""
    query = select(events.c.time, events.c.kind, events.c.message).where(events.c.job_id == job_id)
    return [(time, kind, message) for time, kind, message in connection.execute(query.order_by(events.c.id))]


def _job(row: RowMapping) -> Job:
    values = dict(row)
    values["state"] = JobState(values["state"])
    values["quality"] = Quality(values["quality"])
    values["energy"] = Energy(values["energy"])
    return Job(**values)
