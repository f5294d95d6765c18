"""Progress where no terminal is: one line per event, in order, none lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from naomesh.cli import wording
from naomesh.cli.snapshot import Snapshot
from naomesh.jobs.states import ENDED, JobState
from naomesh.policy.model import Start
from naomesh.storage.steps import DONE

WAIT_LINES_APART = timedelta(seconds=10)

SHOWN_FACTS = {"registered": "photos placed", "points": "points", "faces": "faces"}


class PlainProgress:
    """Compares each snapshot with the one before, and says what has changed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told_runs: set[int] = set()
        self._state: JobState | None = None
        self._wait_kind = ""
        self._wait_at: datetime | None = None
        self._start_at: datetime | None = None

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def note(self, line: str) -> None:
        """Something beside the job's own progress."""
        self._say(line)

    def show(self, snapshot: Snapshot) -> None:
        """Say what is new."""
        if self._state is None:  # what happened before we came is history
            self._told_runs = {run.id for run in snapshot.runs if run.outcome == DONE}
            if self._told_runs:
                self._say(f"{wording.count(len(self._told_runs), 'step')} done before")
        self._tell_steps(snapshot)
        job = snapshot.job
        if job.state is JobState.WAITING:
            self._tell_wait(snapshot)
        elif job.state is JobState.RUNNING and self._state is not JobState.RUNNING:
            left = f"; {wording.about(snapshot.left_s)} of work" if snapshot.left_s else ""
            why = " because of its deadline" if job.forced else ""
            self._say(f"started{f' on {job.node}' if job.node else ''}{why}{left}")
        elif job.state in ENDED and self._state not in ENDED:
            self._say(f"{job.status}{f': {job.error_message}' if job.error_message else ''}")
        if job.state is not JobState.WAITING:
            self._wait_kind = ""
        self._state = job.state

    def _tell_steps(self, snapshot: Snapshot) -> None:
        for run in snapshot.runs:
            if run.outcome == DONE and run.id not in self._told_runs:
                self._told_runs.add(run.id)
                number = f"step {run.number}, " if 0 <= run.number < 99 else ""
                self._say(f"{number}{snapshot.title(run.number)}: {wording.seconds(run.wall_s)}{facts_of(run.facts)}")

    def _tell_wait(self, snapshot: Snapshot) -> None:
        if isinstance(snapshot.answer, Start):  # a worker takes it within a second or two; longer is news
            self._start_at = self._start_at or snapshot.now
            if snapshot.now - self._start_at < WAIT_LINES_APART:
                return
        else:
            self._start_at = None
        kind = kind_of(snapshot.why_waiting)
        apart = self._wait_at is None or snapshot.now - self._wait_at >= WAIT_LINES_APART
        if kind != self._wait_kind and (apart or not self._wait_kind):
            self._say(f"{snapshot.job.status}: {snapshot.why_waiting}")
            self._wait_kind, self._wait_at = kind, snapshot.now


def kind_of(reason: str) -> str:
    """A reason without its figures: two reasons of one kind do not differ materially."""
    return " ".join(re.sub(r"[\d.,:]+|\b(tomorrow|UTC|min|s|h|k?W|days)\b", "", reason).split())


def facts_of(facts: dict[str, object]) -> str:
    """The counts that a photographer cares about: `, 14 photos placed`."""
    found = [f"{facts[name]:,} {words}" for name, words in SHOWN_FACTS.items() if isinstance(facts.get(name), int)]
    return f" ({', '.join(found)})" if found else ""
