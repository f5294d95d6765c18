"""`naomesh delete`: forget a job."""

from __future__ import annotations

import time

import click

from naomesh.cli.options import job_argument, json_option

WAIT_S = 15.0


@click.command("delete")
@job_argument
@json_option
def command(job_id: str, as_json: bool) -> None:
    """Its photos, checkpoints, results, logs and its row go. Results that were fetched stay where they are."""
    from naomesh.cli import homes
    from naomesh.cli.output import print_json
    from naomesh.scheduler import desk
    from naomesh.storage import jobs

    onion, _job = homes.with_job(job_id)
    desk.delete(onion, job_id)
    until = time.monotonic() + (WAIT_S if onion.home.in_use() else 0)
    while True:
        with onion.database.read() as connection:
            gone = jobs.find(connection, job_id) is None
        if gone or time.monotonic() >= until:
            break
        time.sleep(0.1)
    if as_json:
        print_json({"job_id": job_id, "deleted": gone})
    else:
        click.echo(f"job {job_id} is gone" if gone else f"job {job_id} will go as soon as an Onion runs here")
