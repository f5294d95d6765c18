"""`naomesh logs`: what a step's programs wrote."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from naomesh.cli.options import job_argument

POLL_S = 0.3


@click.command("logs")
@job_argument
@click.option("--step", type=int, help="The step's number; by default the step that runs, failed, or came last.")
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written, until the job has ended.")
def command(job_id: str, step: int | None, follow: bool) -> None:
    """The log of one step, as its programs wrote it."""
    from naomesh.cli import homes
    from naomesh.errors import JobError
    from naomesh.jobs.states import ENDED
    from naomesh.storage import jobs

    onion, job = homes.with_job(job_id)
    found = _logs(onion.home.job_logs(job_id))
    if step is None and job.error_step is not None and job.error_step in found:
        step = job.error_step
    if step is None and job.state not in ENDED and job.step_idx in found:
        step = job.step_idx
    written = [number for number in found if found[number].stat().st_size]
    if step is None and found:
        step = max(written or found, key=lambda number: found[number].stat().st_mtime)
    if step is None or step not in found:
        which = "" if step is None else f" of step {step}"
        there = ", ".join(str(number) for number in sorted(found))
        mend = f"There are logs of the steps {there}." if found else "Nothing has run yet."
        raise JobError(f"job {job_id} has no log{which}.", mend=mend, code="no-log")

    def ended() -> bool:
        if not follow:
            return True
        with onion.database.read() as connection:
            return jobs.get(connection, job_id).state in ENDED

    _copy(found[step], ended)


def _logs(folder: Path) -> dict[int, Path]:
    """The logs that are there, by step number."""
    found = {}
    for path in folder.glob("*-*.log"):
        number = path.name.rpartition("-")[0] if path.name.startswith("-") else path.name.partition("-")[0]
        if number.lstrip("-").isdigit():
            found[int(number)] = path
    return found


def _copy(path: Path, ended: Callable[[], bool]) -> None:
    output = sys.stdout.buffer
    with path.open("rb") as stream:
        while True:
            last = ended()  # before the read, so that nothing written until then is missed
            while block := stream.read(1 << 16):
                output.write(block)
            output.flush()
            if last:
                return
            time.sleep(POLL_S)
