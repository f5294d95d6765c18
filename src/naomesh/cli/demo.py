"""`naomesh demo`: the sample photos through everything, with a day of sun that passes in a minute."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import click

from naomesh.cli.options import Deadline, json_option

OUT = "naomesh-demo"
SETTINGS = {
    "NAOMESH_ENERGY_SOURCE": "trace",
    "NAOMESH_ENERGY_TRACE_SPEED": "1440",  # a day in a minute
    "NAOMESH_ENERGY_TRACE_START": "2026-06-21T01:45:00+00:00",  # before its second dawn; the first day is the outlook
    "NAOMESH_ENERGY_TRACE_LOOP": "true",
    "NAOMESH_POLICY_MIN_PAUSE_S": "2",
}
"""What the demo sets for its own Onion; everything else comes from the environment."""


@click.command("demo")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=OUT, show_default=True, help="Folder of the results."
)
@json_option
def command(out: Path, as_json: bool) -> None:
    """The job waits until the sun of the sample day has risen, and starts. An unfinished demo goes on, a finished one
    is made anew.
    """
    from naomesh.cli.embedded import Request, print_results, run_embedded
    from naomesh.cli.follow import say
    from naomesh.cli.output import print_json
    from naomesh.cli.receipt import print_receipt
    from naomesh.cli.sun import TRACE
    from naomesh.sample import sample_photos

    photos = sample_photos()
    os.environ |= SETTINGS | {"NAOMESH_ENERGY_TRACE": str(TRACE)}
    clear_finished(out)
    say("a day of sun passes in a minute; the job waits for it", as_json=as_json)
    deadline = Deadline("24h", span=timedelta(hours=24))
    ended = run_embedded(Request(photos, out, "green", "bad", deadline, as_json=as_json, demo=True))
    if as_json:
        print_json(ended.facts())
        return
    if ended.job.receipt is not None:
        print_receipt(ended.job.receipt)
        click.echo()
    print_results(ended, out)


def clear_finished(out: Path) -> None:
    """Remove a demo that has finished, so that the next one starts anew; anything else in `out` stays as it is."""
    from naomesh.bootstrap import Onion
    from naomesh.cli import homes
    from naomesh.cli.embedded import result_names
    from naomesh.cli.outfolder import OutFolder
    from naomesh.jobs.states import JobState
    from naomesh.storage import jobs

    folder = OutFolder(out.absolute())
    record = folder.record()
    if record is None or not record.demo:
        return
    onion = Onion.at(folder.state)
    if onion.home.in_use() or not homes.exists(onion):
        return
    with onion.database.read() as connection:
        job = jobs.find(connection, record.job_id)
    if job is not None and job.state is JobState.FINISHED:
        names = result_names(onion, job)
        onion.database.close()
        folder.clear(names)
