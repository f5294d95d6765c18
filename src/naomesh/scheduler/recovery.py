"""Taking back what dead workers held: their jobs wait again, at their first unfinished step."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from naomesh.jobs.job import Job
from naomesh.jobs.states import JobState
from naomesh.storage import jobs, leases, steps

GRANT_S = 60.0
"""A grant that no worker has picked up for so long is taken back."""
MOST_CRASHES = 3
"""So often may a job's process die without finishing a step before the job fails."""


def recover(connection: Connection, now: datetime, own: str | None = None) -> list[Job]:
    """Let go of every job whose lease has run out, of all that the worker `own` held in a former life, and of grants
    that nobody picked up. The jobs that were let go."""
    lost = jobs.expired(connection, now, own)
    for job in lost:
        let_go(connection, job, now, "its worker was gone")
    for job in jobs.listed(connection, [JobState.GRANTED]):
        if job.lease_worker is None and now - job.state_since > timedelta(seconds=GRANT_S):
            jobs.move(connection, job.job_id, JobState.WAITING, now=now, message="no worker came", flow_synced=False)
    return lost


def let_go(connection: Connection, job: Job, now: datetime, why: str, *, crashed: bool = True) -> None:
    """A job's process is over, whatever it was doing: free the lease, close what it left open, park the unfinished."""
    last_seen = min(now, job.lease_expires_at or now)
    steps.stop_going(connection, job.job_id, now=last_seen)
    leases.free(connection, job.job_id, job.lease_token)
    if job.state is JobState.CANCELLING:
        jobs.move(
            connection, job.job_id, JobState.CANCELLED, now=now, message="stopped", flow_synced=False, ended_at=now
        )
    elif job.state in (JobState.GRANTED, JobState.RUNNING):
        crashes = job.crashes + crashed
        if crashes >= MOST_CRASHES:
            message = f"its process died {crashes} times at the same step; the last time: {why}."
            jobs.move(
                connection,
                job.job_id,
                JobState.FAILED,
                now=now,
                message=message,
                flow_synced=False,
                ended_at=now,
                error_code="crashed",
                error_message=message,
                error_step=job.step_idx,
            )
        else:
            jobs.move(
                connection, job.job_id, JobState.WAITING, now=now, message=why, flow_synced=False, crashes=crashes
            )
