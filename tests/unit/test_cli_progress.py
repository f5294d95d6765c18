"""What is shown of a job while it goes on: lines where no terminal is, a picture where one is."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cli_makers import NOW, job, step_run
from rich.console import Console

from naomesh.cli import follow
from naomesh.cli.plain import PlainProgress, kind_of
from naomesh.cli.screen import Screen, render
from naomesh.cli.snapshot import Snapshot, reason_of, resampled
from naomesh.jobs.job import Job
from naomesh.jobs.states import JobState
from naomesh.policy.model import Reading, Signals, Start, Wait
from naomesh.testing.engines import NothingEngine

SUN = Signals(now=NOW, production=Reading(640.0, NOW, modelled=True))


def snapshot(state: JobState = JobState.WAITING, **changes: Any) -> Snapshot:
    """A moment of a job's life."""
    ours = Job.__dataclass_fields__.keys() - Snapshot.__dataclass_fields__.keys()
    columns = {name: changes.pop(name) for name in list(changes) if name in ours}
    values: dict[str, Any] = {
        "now": NOW,
        "job": job("a", state=state, **columns),
        "runs": (),
        "steps": NothingEngine.steps,
        "expected_s": {},
        "signals": SUN,
        "sun_w": (0.0, 100.0, 640.0),
        "draw_w": 117.0,
        "answer": Wait("needs 117 W of sun, 12 W are left of 640 W"),
        "left_s": 80.0,
    }
    return Snapshot(**(values | changes))


@pytest.fixture
def lines():
    """What the plain progress said, and the progress."""
    said: list[str] = []
    return said, PlainProgress(said.append)


def picture(seen: Snapshot) -> str:
    """What the screen draws, as text."""
    console = Console(file=io.StringIO(), width=110, force_terminal=False)
    console.print(render(seen))
    return console.file.getvalue()


def test_a_waiting_job_says_why_once(lines):
    """The same kind of reason with other figures is no news."""
    said, progress = lines
    progress.show(snapshot())
    progress.show(snapshot(now=NOW + timedelta(minutes=1), answer=Wait("needs 117 W of sun, 13 W are left of 650 W")))
    assert said == ["waiting: needs 117 W of sun, 12 W are left of 640 W"]


def test_another_reason_is_news_after_ten_seconds(lines):
    """A reason of another kind is told, but not more often than every ten seconds."""
    said, progress = lines
    other = Wait("no sun to rely on: the source is silent")
    progress.show(snapshot())
    progress.show(snapshot(now=NOW + timedelta(seconds=5), answer=other))
    assert len(said) == 1
    progress.show(snapshot(now=NOW + timedelta(seconds=10), answer=other))
    assert said[1:] == ["waiting: no sun to rely on: the source is silent"]


def test_a_start_that_is_due_is_no_wait(lines):
    """A job that may start is not said to wait, unless nobody takes it for ten seconds."""
    said, progress = lines
    due = Start("bypass: starts at once, sun or not")
    progress.show(snapshot(answer=due))
    progress.show(snapshot(now=NOW + timedelta(seconds=5), answer=due))
    assert said == []
    progress.show(snapshot(now=NOW + timedelta(seconds=11), answer=due))
    assert said == ["waiting: starts any moment: bypass: starts at once, sun or not"]


def test_one_line_per_event(lines):
    """Start, each step with its time, and the end are a line each, in order, also when several came at once."""
    said, progress = lines
    progress.show(snapshot())
    progress.show(snapshot(JobState.RUNNING, node="vm"))
    done = (step_run(0, wall_s=1.5), step_run(5, wall_s=12.34, facts={"registered": 14}))
    progress.show(snapshot(JobState.RUNNING, node="vm", runs=(*done, step_run(11, wall_s=None))))
    progress.show(snapshot(JobState.RUNNING, node="vm", runs=done))
    progress.show(snapshot(JobState.FINISHED, runs=(*done, step_run(99, wall_s=0.2))))
    progress.show(snapshot(JobState.FINISHED, runs=(*done, step_run(99, wall_s=0.2))))
    assert said[1:] == [
        "started on vm; about 1 min 20 s of work",
        "step 0, List the photos: 1.5 s",
        "step 5, Place the cameras: 12.3 s (14 photos placed)",
        "Store the results: 0.2 s",
        "finished",
    ]


def test_what_was_done_before_is_one_line(lines):
    """Who comes back to a job hears how much was done, not every step again."""
    said, progress = lines
    progress.show(snapshot(started_at=NOW, runs=(step_run(0, wall_s=1), step_run(1, wall_s=1))))
    assert said == ["2 steps done before", "paused: needs 117 W of sun, 12 W are left of 640 W"]


def test_a_failure_is_told(lines):
    """A failed job ends with its reason."""
    said, progress = lines
    progress.show(snapshot(JobState.FAILED, error_message="The disk ran full."))
    assert said == ["failed: The disk ran full."]


@pytest.mark.parametrize(
    ("answer", "columns", "words"),
    [
        (Wait("needs sun"), {}, "needs sun"),
        (Start("42 W are free"), {}, "starts any moment: 42 W are free"),
        (None, {"held": True}, "paused by hand"),
        (None, {"wait_reason": "it was dark"}, "it was dark"),
        (None, {}, "has not yet let go"),
    ],
)
def test_why_a_job_waits(answer, columns, words):
    """The policy's answer now, or who holds the job, or what was said when the wait began."""
    assert words in reason_of(job("a", **columns), answer)


def test_reasons_are_of_one_kind_without_their_figures():
    """Times and powers do not make another reason."""
    assert kind_of("needs 100 W, there are 3.5 kW; about 09:40:12 UTC") == kind_of(
        "needs 117 W, there are 0 W; about 10:00"
    )
    assert kind_of("the node is taken") != kind_of("needs 100 W")


def test_the_screen_shows_steps_bar_and_sun():
    """A running job: what is done with its time, a bar with done of total, the time left, the sun and the draw."""
    runs = (step_run(0, wall_s=1.5), step_run(1, wall_s=None))
    text = picture(
        snapshot(
            JobState.RUNNING, node="vm", runs=runs, step_idx=1, progress_done=6, progress_total=14, expected_s={5: 30}
        )
    )
    assert "running" in text
    assert "about 1 min 20 s left" in text
    assert "✓  0 List the photos" in text
    assert "1.5 s" in text
    assert "6 of 14" in text
    assert "~30.0 s" in text
    assert "sun 640 W (modelled)  jobs draw 117 W  ▁▂█" in text


def test_the_screen_says_why_a_job_waits():
    """A waiting job shows its reason, and the sun."""
    text = picture(snapshot())
    assert "waiting" in text
    assert "needs 117 W of sun, 12 W are left of 640 W" in text
    assert "sun 640 W" in text


def test_the_screen_says_what_is_wrong_with_the_sun():
    """A source that is silent, and no source at all, are said."""
    assert "the source is silent" in picture(snapshot(signals=replace(SUN, problem="the source is silent")))
    assert "no energy source" in picture(snapshot(signals=Signals(NOW, None, configured=False)))


def test_the_screen_does_not_invent_an_end():
    """Where nobody knows how long it takes, it says so."""
    assert "longer than expected" in picture(snapshot(JobState.RUNNING, left_s=None))


def test_the_screen_keeps_what_is_noted():
    """A note appears once and stays above the picture."""
    out = io.StringIO()
    with Screen(Console(file=out, width=100, force_terminal=True)) as screen:
        screen.show(snapshot())
        screen.note("worker ended (1); it starts again in 0.5 s")
        screen.show(snapshot(JobState.FAILED, error_message="It is over."))
    assert out.getvalue().count("it starts again") == 1
    assert "It is over." in out.getvalue()


def test_lines_where_nobody_can_redraw(monkeypatch):
    """NO_COLOR, CI, a dumb terminal and a pipe get lines; a terminal gets the picture."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    assert follow.is_terminal()
    assert isinstance(follow.progress(as_json=True), PlainProgress)
    for name, value in (("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert not follow.is_terminal()


def test_readings_are_spread_evenly_in_time():
    """Each sample holds until the next, whatever the gaps between them."""
    samples = [(NOW, 0.0), (NOW + timedelta(seconds=10), 100.0), (NOW + timedelta(seconds=90), 50.0)]
    assert resampled(samples, NOW, NOW + timedelta(seconds=100), 10) == [100.0, 100.0, 50.0]
    assert resampled([], NOW, NOW, 10) == []
