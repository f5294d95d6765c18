"""Following a job until it has ended, on whatever the output is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import click

from naomesh.bootstrap import Onion
from naomesh.cli.snapshot import Snapshot, Viewer
from naomesh.jobs.job import Job
from naomesh.jobs.states import ENDED, JobState

if TYPE_CHECKING:
    from types import TracebackType

POLL_S = 0.25
SYNC_S = 20.0
"""How long to wait, after a job's end, until Orion has been told of it."""


class Shown(Protocol):
    """What shows snapshots."""

    def __enter__(self) -> Shown: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def note(self, line: str) -> None:
        """Say something beside the job's own progress."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the job as it is now."""


def progress(*, as_json: bool = False) -> Shown:
    """A live screen in a terminal; plain lines elsewhere (on standard error where JSON is wanted)."""
    if not as_json and is_terminal():
        from rich.console import Console

        from naomesh.cli.screen import Screen

        return Screen(Console())
    from naomesh.cli.plain import PlainProgress

    return PlainProgress(lambda line: say(line, as_json=as_json))


def is_terminal() -> bool:
    """Whether somebody looks at a terminal that can redraw itself."""
    wanted = not any(os.environ.get(name) for name in ("NO_COLOR", "CI"))
    return wanted and os.environ.get("TERM", "dumb") != "dumb" and sys.stdout.isatty()


def say(line: str, *, as_json: bool = False) -> None:
    """A line with the time before it, at once."""
    click.echo(f"{datetime.now().astimezone():%H:%M:%S}  {line}", err=as_json)


@contextmanager
def waiting(what: str, *, as_json: bool = False, told: bool = True) -> Iterator[None]:
    """Say what the block waits for: with the seconds that pass in a terminal, as one line elsewhere (if `told`)."""
    if as_json or not is_terminal():
        if told:
            say(what, as_json=as_json)
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", style="dim"), TimeElapsedColumn())
    with Progress(*columns, console=Console(), transient=True) as shown:
        shown.add_task(what, total=None)
        yield


def follow(
    onion: Onion, job_id: str, shown: Shown, *, tick: Callable[[], None] = lambda: None, synced: bool = False
) -> Job:
    """Show the job until it has ended (and, when `synced`, until Orion knows); the job as it was then.

    :raises JobError: there is no such job, or somebody deletes it meanwhile.
    """
    viewer = Viewer(onion, job_id)
    ended_at: float | None = None
    while True:
        tick()
        snapshot = viewer.look()
        shown.show(snapshot)
        job = snapshot.job
        if job.state in ENDED or job.state is JobState.DELETING:
            ended_at = ended_at or time.monotonic()
            if job.flow_synced or not synced or time.monotonic() - ended_at > SYNC_S:
                return job
        time.sleep(POLL_S)
