"""`naomesh jobs`: all of them, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from naomesh.cli.options import json_option

if TYPE_CHECKING:
    from datetime import datetime

    from naomesh.jobs.job import Job
    from naomesh.policy.model import Start, Wait

STATES = ("waiting", "paused", "granted", "running", "cancelling", "finished", "failed", "cancelled", "deleting")
HEADERS = ("ID", "state", "step", "progress", "why, or when", "photos", "energy", "age")


@click.command("jobs")
@click.option(
    "--state", "wanted", multiple=True, type=click.Choice(STATES), help="Only jobs in this state (again: or that)."
)
@click.option("-n", "--last", type=click.IntRange(min=1), help="Only the last so many.")
@json_option
def command(wanted: tuple[str, ...], last: int | None, as_json: bool) -> None:
    """Why a job waits, and when it is expected to start, is computed now."""
    from naomesh.bootstrap import Onion, utc_now
    from naomesh.cli import facts, homes
    from naomesh.cli.output import print_json, print_table
    from naomesh.cli.snapshot import answers
    from naomesh.storage import jobs

    onion = Onion.configured()
    found: list[Job] = []
    why: dict[str, Wait | Start] = {}
    if homes.exists(onion):
        with onion.database.read() as connection:
            found = jobs.listed(connection)
        found = [job for job in found if not wanted or job.status in wanted]
        found = found[-last:] if last else found
        why = answers(onion.database, onion.settings.policy)
    if as_json:
        print_json([facts.of(job, why.get(job.job_id)) for job in found])
    elif not found:
        click.echo("no jobs" if not wanted else f"no jobs that are {' or '.join(wanted)}")
    else:
        now = utc_now()
        homes.warn_when_still(onion, found)
        print_table(HEADERS, [_row(job, why.get(job.job_id), now) for job in found], right="step,photos")


def _row(job: Job, answer: Wait | Start | None, now: datetime) -> tuple[str, ...]:
    from naomesh.cli import wording
    from naomesh.cli.snapshot import reason_of
    from naomesh.jobs.states import ENDED, JobState

    running = job.state is JobState.RUNNING
    why = ""
    if job.state is JobState.WAITING:
        why = reason_of(job, answer)
    elif job.state is JobState.FAILED:
        why = job.error_message or ""
    elif job.state in ENDED:
        why = wording.clock(job.ended_at, now)
    elif running:
        why = f"{wording.about(job.left_s)} left" if job.left_s > 0 else ""
    return (
        job.job_id,
        job.status,
        _step(job) if running or job.state is JobState.CANCELLING else "",
        f"{job.fraction:.0%}" if running and job.progress_total > 0 else "",
        why,
        str(job.photos_given),
        job.energy.value,
        wording.age(job.submitted_at, now),
    )


def _step(job: Job) -> str:
    from naomesh.jobs.job import PREPARING, STORING

    return {PREPARING: "prepare", STORING: "store"}.get(job.step_idx, str(job.step_idx))
