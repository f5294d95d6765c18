"""The desk: what users ask of an Onion. The command line comes here, and so will every other way in."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from naomesh.bootstrap import Onion, utc_now
from naomesh.engines import estimate
from naomesh.engines.base import StepTask
from naomesh.errors import JobError, UsageError
from naomesh.jobs.job import Job, results_prefix, uploads_prefix
from naomesh.jobs.request import JobRequest, Politic, valid_job_id
from naomesh.jobs.states import ENDED, JobState
from naomesh.orion.gate import Gate, cancel_job
from naomesh.orion.situation import rules
from naomesh.policy.model import Start, Wait
from naomesh.storage import jobs, steps

if TYPE_CHECKING:
    from naomesh.engines.photos import Survey

OnFile = Callable[[int, int], None]
"""Called with (files done, files in all)."""


def new_job_id() -> str:
    """A fresh id: the day and six random letters."""
    return f"{utc_now():%Y%m%d}-{secrets.token_hex(3)}"


def submit(
    onion: Onion,
    survey: Survey,
    politic: Politic,
    deadline: datetime,
    *,
    job_id: str | None = None,
    on_file: OnFile | None = None,
) -> Job:
    """Take a job: its photographs into the object store, then its row. When anything fails, nothing is left behind.

    :raises UsageError: the id is not a plain name (`bad-job-id`), or the deadline has passed (`deadline-passed`).
    :raises ResourceError: the machine is too small for it.
    :raises JobError: the id is known, with another request under it.
    """
    job_id = new_job_id() if job_id is None else job_id
    if not valid_job_id(job_id):
        raise UsageError(
            f"{job_id!r} cannot be the id of a job.",
            mend="Use letters, digits, dots, dashes and underscores, at most 128, and no two dots in a row.",
            code="bad-job-id",
        )
    now = utc_now()
    if deadline <= now:
        raise UsageError(f"the deadline {deadline:%Y-%m-%d %H:%M} UTC has passed.", code="deadline-passed")
    engine = onion.engine()
    estimates = estimated(onion, politic, len(survey.usable), survey.megapixels)
    request = JobRequest(job_id, uploads_prefix(job_id), politic, deadline)
    with onion.database.read() as connection:
        known = jobs.find(connection, job_id)
    if known is None:
        _store_photos(onion, survey, job_id, on_file)
    with onion.database.write() as connection:
        return jobs.create(
            connection,
            request,
            now=now,
            engine=engine.name,
            photos_given=survey.given,
            megapixels=survey.megapixels,
            expected_s=sum(step.seconds for step in estimates),
            expected_draw_w=onion.settings.node.busy_w,
        )


def estimated(onion: Onion, politic: Politic, photos: int, megapixels: float) -> list[estimate.StepEstimate]:
    """What the job will take on a node like this machine, step by step.

    :raises ResourceError: this machine is too small for it.
    """
    engine = onion.engine()
    room = onion.nodes.capacity()
    task = StepTask(politic.quality, photos, megapixels, threads=room.threads, memory_bytes=room.memory_bytes)
    with onion.database.read() as connection:
        history = steps.measured(connection, engine.name)
    found = estimate.estimate(engine, task, history)
    estimate.require_resources(found, task, memory_bytes=room.memory_bytes, disk_bytes=room.disk_bytes)
    return found


def cancel(onion: Onion, job_id: str) -> Job:
    """Cancel a job; what runs is stopped within seconds.

    :raises JobError: there is none, or it has ended.
    """
    with onion.database.write() as connection:
        job = jobs.get(connection, job_id)
        if job.state in ENDED or job.state is JobState.DELETING:
            raise JobError(f"job {job_id} is already {job.status}.", code="job-ended")
        cancel_job(connection, job, utc_now())
        return jobs.get(connection, job_id)


def retry(onion: Onion, job_id: str) -> Job:
    """Let a failed or cancelled job go on from its last checkpoint.

    :raises JobError: there is none, or it did not fail.
    """
    with onion.database.write() as connection:
        job = jobs.get(connection, job_id)
        if job.state not in (JobState.FAILED, JobState.CANCELLED):
            raise JobError(
                f"job {job_id} is {job.status}; only failed or cancelled jobs are retried.", code="job-alive"
            )
        jobs.move(
            connection,
            job_id,
            JobState.WAITING,
            now=utc_now(),
            message="retry",
            flow_synced=False,
            retries=job.retries + 1,
            crashes=0,
            ended_at=None,
            error_code=None,
            error_message=None,
            error_step=None,
        )
        return jobs.get(connection, job_id)


def delete(onion: Onion, job_id: str) -> None:
    """Let a job that has ended be forgotten, with its photographs and its results.

    :raises JobError: there is none, or it has not ended.
    """
    with onion.database.write() as connection:
        job = jobs.get(connection, job_id)
        if job.state not in ENDED and job.state is not JobState.DELETING:
            raise JobError(
                f"job {job_id} is {job.status}.", mend=f"Cancel it first: naomesh cancel {job_id}", code="job-alive"
            )
        if job.state is not JobState.DELETING:
            jobs.move(connection, job_id, JobState.DELETING, now=utc_now(), flow_synced=False)


def fetch(onion: Onion, job_id: str, out: Path, on_file: OnFile | None = None) -> list[Path]:
    """Copy a finished job's results into a folder.

    :raises JobError: there is none, or it has not finished (`no-results`).
    """
    with onion.database.read() as connection:
        job = jobs.get(connection, job_id)
    if job.state is not JobState.FINISHED:
        raise JobError(f"job {job_id} is {job.status} and has no results.", code="no-results")
    prefix = results_prefix(job.pictures_obj_key)
    found = onion.store.list(prefix)
    fetched = []
    for done, (key, _size) in enumerate(found, start=1):
        target = out / key.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        onion.store.get(key, target)
        fetched.append(target)
        if on_file is not None:
            on_file(done, len(found))
    return fetched


def explain(onion: Onion) -> dict[str, Wait | Start]:
    """Why each waiting job waits, and when it will probably start, as things are now, by job id."""
    return Gate(onion.database, rules(onion.settings.policy), utc_now).explain()


def _text(name: str) -> str:
    """A file name as text: bytes that are none (Python carries them as surrogates) are replaced."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _store_photos(onion: Onion, survey: Survey, job_id: str, on_file: OnFile | None) -> None:
    prefix = uploads_prefix(job_id)
    try:
        for done, path in enumerate(survey.paths, start=1):
            onion.store.put(path, f"{prefix}{_text(path.name)}")
            if on_file is not None:
                on_file(done, len(survey.paths))
    except BaseException:
        onion.store.delete(prefix)
        raise
