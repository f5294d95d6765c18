"""`naomesh retry`: a failed or cancelled job, once more."""

from __future__ import annotations

import click

from naomesh.cli.options import job_argument, json_option


@click.command("retry")
@job_argument
@json_option
def command(job_id: str, as_json: bool) -> None:
    """Finished steps are not computed again."""
    from naomesh.cli import facts, homes
    from naomesh.cli.output import print_json
    from naomesh.scheduler import desk

    onion, _job = homes.with_job(job_id)
    job = desk.retry(onion, job_id)
    if as_json:
        print_json(facts.of(job))
        return
    click.echo(f"job {job_id} is {job.status} again, and goes on from its last finished step")
    homes.warn_when_still(onion, [job])
