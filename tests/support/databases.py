"""What the tests of the database share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from naomesh.jobs.job import Job, uploads_prefix
from naomesh.jobs.request import Energy, JobRequest, Politic, Quality
from naomesh.storage import jobs

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=24)


def a_request(job_id: str = "7", energy: Energy = Energy.GREEN, deadline: datetime = LATER) -> JobRequest:
    """A request as the desk makes it."""
    return JobRequest(job_id, uploads_prefix(job_id), Politic(Quality.BAD, energy), deadline)


def add(connection: Connection, request: JobRequest | None = None, now: datetime = NOON, draw_w: float = 100.0) -> Job:
    """A job of 14 photographs with a flow run."""
    request = request or a_request()
    job = jobs.create(
        connection,
        request,
        now=now,
        engine="nothing",
        photos_given=14,
        megapixels=27.0,
        expected_s=600.0,
        expected_draw_w=draw_w,
    )
    jobs.change(connection, job.job_id, flow_run_id=f"run-{job.job_id}", flow_synced=True)
    return jobs.get(connection, job.job_id)
