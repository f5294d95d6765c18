"""`naomesh receipt`: what a job took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from naomesh.cli.options import job_argument, json_option


@click.command("receipt")
@job_argument
@json_option
def command(job_id: str, as_json: bool) -> None:
    """Photos used and left out, and per step time, memory and energy: how much of it sun, how much grid."""
    from naomesh.cli import homes
    from naomesh.cli.output import print_json
    from naomesh.errors import JobError

    _onion, job = homes.with_job(job_id)
    if job.receipt is None:
        raise JobError(
            f"job {job_id} is {job.status} and has no receipt yet.",
            mend="It is written when the job has finished.",
            code="no-receipt",
        )
    if as_json:
        print_json(job.receipt)
    else:
        print_receipt(job.receipt)


def print_receipt(stored: Mapping[str, Any]) -> None:
    """The receipt as a table, and below it what a table cannot hold."""
    from naomesh.cli.output import print_table
    from naomesh.cli.wording import one_line
    from naomesh.jobs.receipt import Receipt

    receipt = Receipt.from_dict(stored)
    title, headers, rows = receipt.rows()
    print_table(headers, rows, title=title, right="step,tries,time,CPU time,memory,energy,sun,grid")
    for photo in receipt.photos.left_out:
        click.echo(one_line(f"left out: {photo.name}: {photo.reason}"))
    if receipt.energy_method:
        click.echo(f"energy: {receipt.energy_method}")
