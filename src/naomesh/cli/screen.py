"""Progress in a terminal: the steps with their times, a bar for the running one, the sun, and why the job waits."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from naomesh.cli import wording
from naomesh.cli.plain import facts_of
from naomesh.cli.snapshot import Snapshot
from naomesh.jobs.job import PREPARING, STORING
from naomesh.jobs.states import ENDED, JobState
from naomesh.storage.steps import DONE, FAILED, GOING, StepRun

MARKS = {DONE: ("✓", "green"), FAILED: ("✗", "red"), GOING: ("▶", "cyan")}
AHEAD = ("·", "dim")
STATE_STYLE = {
    "waiting": "yellow",
    "paused": "yellow",
    "finished": "green",
    "failed": "red",
    "cancelled": "red",
}
SHORTEST_SHOWN_S = 1.0
"""Shorter expectations are not worth a figure."""
STATUS_WORDS = {"granted": "starting"}
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Screen:
    """Redraws itself in place. What is noted appears above and stays."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._frame = 0

    def __enter__(self) -> Screen:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def note(self, line: str) -> None:
        """Something beside the job's own progress."""
        self._live.console.print(line, style="dim", markup=False, highlight=False)

    def show(self, snapshot: Snapshot) -> None:
        """Draw the job as it is now."""
        self._frame += 1
        self._live.update(render(snapshot, SPINNER[self._frame % len(SPINNER)]), refresh=True)


def render(snapshot: Snapshot, spinner: str = "▶") -> RenderableType:
    """The whole picture of one moment."""
    parts: list[RenderableType] = [headline(snapshot), step_table(snapshot, spinner)]
    if snapshot.job.state not in ENDED:
        parts.append(sun_line(snapshot))
    return Group(*parts)


def headline(snapshot: Snapshot) -> Text:
    """State, and what is to be expected."""
    job = snapshot.job
    line = Text(no_wrap=False)
    line.append(STATUS_WORDS.get(job.status, job.status), style=f"bold {STATE_STYLE.get(job.status, 'cyan')}")
    line.append(f"  {job.job_id}", style="dim")
    if job.state is JobState.WAITING:
        line.append(f"\n{snapshot.why_waiting}", style="yellow")
    elif job.state is JobState.RUNNING:
        line.append(f" on {job.node}" if job.node else "", style="dim")
        left = "longer than expected" if snapshot.left_s is None else f"{wording.about(snapshot.left_s)} left"
        line.append(f"  {left}")
        if job.forced:
            line.append("\nstarted by its deadline, sun or not", style="yellow")
    elif job.error_message:
        line.append(f"\n{job.error_message}", style="red")
    return line


def step_table(snapshot: Snapshot, spinner: str) -> Table:
    """One line per step."""
    table = Table.grid(padding=(0, 1))
    for options in ({"width": 1}, {"justify": "right", "width": 2}, {"min_width": 24}, {"justify": "right"}, {}):
        table.add_column(**options)
    numbers = [PREPARING, *(step.number for step in snapshot.steps), STORING]
    for number in numbers:
        run = snapshot.latest(number)
        shown = str(number) if number not in (PREPARING, STORING) else ""
        if run is None or run.outcome not in MARKS:
            expected_s = snapshot.expected_s.get(number, 0.0)
            expected = f"~{wording.seconds(expected_s)}" if expected_s >= SHORTEST_SHOWN_S else ""
            table.add_row(Text(*AHEAD), shown, snapshot.title(number), expected, "", style="dim")
        elif run.outcome == GOING:
            table.add_row(Text(spinner, "cyan"), shown, Text(snapshot.title(number), "bold"), *_going(snapshot, run))
        else:
            mark, style = MARKS[run.outcome]
            facts = facts_of(run.facts).strip(" ()")
            took = wording.seconds(run.wall_s)
            table.add_row(Text(mark, style), shown, snapshot.title(number), took, Text(facts, "dim"))
    return table


def sun_line(snapshot: Snapshot) -> Text:
    """What the sun does, and what draws from it."""
    signals, line = snapshot.signals, Text()
    if not signals.configured:
        return line.append("no energy source is set: all energy counts as grid", style="dim")
    reading = signals.production
    if signals.problem or reading is None:
        line.append(f"sun: {signals.problem or 'no reading yet'}", style="yellow")
    else:
        line.append("sun ", style="yellow")
        line.append(f"{wording.watts(reading.power_w)}", style="bold yellow")
        line.append(" (modelled)" if reading.modelled else "", style="dim")
    line.append(f"  jobs draw {wording.watts(snapshot.draw_w)}  ")
    return line.append(wording.spark(snapshot.sun_w), style="yellow")


def _going(snapshot: Snapshot, run: StepRun) -> tuple[str, RenderableType]:
    job = snapshot.job
    elapsed = wording.seconds(max(0.0, (snapshot.now - run.started_at).total_seconds()))
    if run.number != job.step_idx or job.progress_total <= 0:
        return elapsed, ""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=job.progress_total, completed=job.progress_done, width=24),
        f"{job.progress_done:g} of {job.progress_total:g}",
    )
    return elapsed, bar
