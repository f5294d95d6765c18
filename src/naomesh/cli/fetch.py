"""`naomesh fetch`: a finished job's results, into a folder."""

from __future__ import annotations

from pathlib import Path

import click

from naomesh.cli.options import job_argument, json_option


@click.command("fetch")
@job_argument
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder.")
@json_option
def command(job_id: str, out: Path, as_json: bool) -> None:
    """The folder is made where it is not there."""
    from naomesh.cli import homes
    from naomesh.cli.output import print_json
    from naomesh.scheduler import desk

    onion, _job = homes.with_job(job_id)
    files = desk.fetch(onion, job_id, out)
    if as_json:
        print_json({"job_id": job_id, "files": files})
        return
    for path in files:
        click.echo(str(path))
