"""`naomesh cancel`: stop a job."""

from __future__ import annotations

import time

import click

from naomesh.cli.options import job_argument, json_option

WAIT_S = 12.0
"""A running job is gone within ten seconds."""


@click.command("cancel")
@job_argument
@json_option
def command(job_id: str, as_json: bool) -> None:
    """What it has done so far is kept: `naomesh retry` goes on with it."""
    from naomesh.cli import facts, homes
    from naomesh.cli.output import print_json
    from naomesh.jobs.states import JobState
    from naomesh.scheduler import desk
    from naomesh.storage import jobs

    onion, _job = homes.with_job(job_id)
    job = desk.cancel(onion, job_id)
    until = time.monotonic() + (WAIT_S if onion.home.in_use() else 0)
    while job.state is JobState.CANCELLING and time.monotonic() < until:
        time.sleep(0.1)
        with onion.database.read() as connection:
            job = jobs.get(connection, job_id)
    if as_json:
        print_json(facts.of(job))
    elif job.state is JobState.CANCELLING:
        click.echo(f"job {job_id} is being cancelled; its worker has not answered yet")
    else:
        click.echo(f"job {job_id} is {job.status}")
