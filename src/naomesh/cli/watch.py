"""`naomesh watch`: a job, live, until it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from naomesh.cli.options import job_argument, json_option

if TYPE_CHECKING:
    from naomesh.bootstrap import Onion


@click.command("watch")
@job_argument
@json_option
def command(job_id: str, as_json: bool) -> None:
    """Ends with 0 when the job has finished, with the code of its failure otherwise. Ctrl-C stops the watching, not
    the job.
    """
    from naomesh.cli import homes

    onion, job = homes.with_job(job_id)
    homes.warn_when_still(onion, [job])
    watch(onion, job_id, as_json=as_json)


def watch(onion: Onion, job_id: str, *, as_json: bool) -> None:
    """Follow the job, and end as it ends.

    :raises NaomeshError: it failed or was cancelled.
    """
    from naomesh.cli import facts
    from naomesh.cli.failures import failure_of
    from naomesh.cli.follow import follow, progress
    from naomesh.cli.output import print_json
    from naomesh.cli.signals import stopping_cleanly
    from naomesh.jobs.states import ENDED, JobState

    told = f"stopped watching; the job goes on. Again: naomesh watch {job_id}"
    with stopping_cleanly(told), progress(as_json=as_json) as shown:
        job = follow(onion, job_id, shown)
    if job.state in ENDED and job.state is not JobState.FINISHED:
        raise failure_of(job)
    if as_json:
        print_json(facts.of(job))
    else:
        click.echo(f"get the results with: naomesh fetch {job_id} -o OUT")
