"""`naomesh run`: one job, embedded, until done."""

from __future__ import annotations

from pathlib import Path

import click

from naomesh.cli.options import Deadline, job_options, json_option, photos_argument


@click.command("run")
@photos_argument
@click.option("-o", "--out", "out", type=click.Path(path_type=Path), required=True, help="Folder of the results.")
@job_options
@json_option
def command(photos: Path, out: Path, energy: str, quality: str, deadline: Deadline, as_json: bool) -> None:
    """PHOTOS is a folder. The state is kept in OUT/.naomesh, so that the same command goes on after whatever stopped
    it, tries a failed job again from its last finished step, and does nothing when all is done.
    """
    import json

    from naomesh.cli.embedded import Request, print_results, run_embedded

    ended = run_embedded(Request(photos, out, energy, quality, deadline, as_json=as_json))
    if as_json:
        click.echo(json.dumps(ended.facts(), ensure_ascii=False, indent=1))
    else:
        print_results(ended, out)
