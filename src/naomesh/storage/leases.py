"""Who runs a job. The token grows with every lease: whoever comes back with an old one is refused before it writes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from naomesh.errors import LeaseLost
from naomesh.jobs.states import JobState
from naomesh.storage.tables import jobs


def take(connection: Connection, job_id: str, worker: str, *, now: datetime, lease_s: float) -> int | None:
    """Lease a granted job to a worker; the new token, or None when it is not free to take."""
    free = jobs.c.lease_worker.is_(None) | (jobs.c.lease_expires_at < now)
    taken = connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.state == JobState.GRANTED.value, free)
        .values(
            lease_worker=worker,
            lease_token=jobs.c.lease_token + 1,
            lease_expires_at=now + timedelta(seconds=lease_s),
        )
    )
    if taken.rowcount == 0:
        return None
    return int(connection.execute(select(jobs.c.lease_token).where(jobs.c.job_id == job_id)).scalar_one())


def renew(connection: Connection, worker: str, job_ids: list[str], *, now: datetime, lease_s: float) -> None:
    """Keep the leases that a worker has on these jobs."""
    connection.execute(
        update(jobs)
        .where(jobs.c.job_id.in_(job_ids), jobs.c.lease_worker == worker)
        .values(lease_expires_at=now + timedelta(seconds=lease_s))
    )


def check(connection: Connection, job_id: str, token: int) -> None:
    """Make sure that a token still holds.

    :raises LeaseLost: it does not.
    """
    if connection.execute(select(jobs.c.lease_token).where(jobs.c.job_id == job_id)).scalar() != token:
        raise LeaseLost(f"job {job_id} was taken over by another worker.")


def free(connection: Connection, job_id: str, token: int) -> None:
    """Let go of a job, if the token still holds. The token grows, so that nobody writes with it any more."""
    connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.lease_token == token)
        .values(lease_worker=None, lease_expires_at=None, lease_token=token + 1)
    )
