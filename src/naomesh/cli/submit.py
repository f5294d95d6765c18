"""`naomesh submit`: a job for the Onion that is running."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from naomesh.cli.options import Deadline, job_options, json_option, photos_argument

if TYPE_CHECKING:
    from datetime import datetime

    from naomesh.bootstrap import Onion

SURVEY_TAKES = timedelta(minutes=10)
"""At most so long passes between reading the clock and writing the job's row."""


@click.command("submit")
@photos_argument
@job_options
@click.option("--job-id", help="An id of your own: letters, digits, dots, dashes, underscores.")
@click.option("--wait", is_flag=True, help="Follow the job until it has ended.")
@json_option
def command(
    photos: Path, energy: str, quality: str, deadline: Deadline, job_id: str | None, wait: bool, as_json: bool
) -> None:
    """PHOTOS is a folder; its photos are copied, so it is free afterwards. The Onion is the one on NAOMESH_HOME."""
    from naomesh.cli import homes
    from naomesh.cli.follow import say, waiting
    from naomesh.cli.intake import look_at
    from naomesh.cli.output import print_json
    from naomesh.scheduler import desk

    onion = homes.running()
    with waiting("looking at the photos", as_json=as_json, told=False):
        found = look_at(onion, photos, energy, quality, deadline)
    for line in found.lines():
        say(line, as_json=True)
    until = _same_deadline(onion, job_id, deadline) or found.deadline
    with waiting("copying the photos", as_json=as_json, told=False):
        job = desk.submit(onion, found.survey, found.politic, until, job_id=job_id)
    if wait:
        from naomesh.cli.watch import watch

        watch(onion, job.job_id, as_json=as_json)
    elif as_json:
        print_json({"job_id": job.job_id, "state": job.status, "deadline": job.deadline} | found.facts())
    else:
        click.echo(job.job_id)
        say(f"taken; follow it with: naomesh watch {job.job_id}", as_json=True)


def _same_deadline(onion: Onion, job_id: str | None, asked: Deadline) -> datetime | None:
    """The deadline of the job that has this id already, if the same command gave it: a span such as 24h counts from the
    moment of submission, and the same request again changes nothing. None where there is no such job."""
    from naomesh.storage import jobs

    if job_id is None or asked.span is None:
        return None
    with onion.database.read() as connection:
        known = jobs.find(connection, job_id)
    if known is None:
        return None
    counted = asked.counted_from(known.submitted_at)
    return known.deadline if abs(counted - known.deadline) < SURVEY_TAKES else None
