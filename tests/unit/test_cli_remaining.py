"""How long a job will still take: the estimate, corrected by what it has shown since."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cli_makers import NOW, job, step_run

from naomesh.cli import remaining
from naomesh.engines.base import Step
from naomesh.engines.estimate import StepEstimate
from naomesh.jobs.states import JobState

ESTIMATES = [StepEstimate(Step(number, f"s{number}", "", ()), 10.0 * (number + 1), 0, 0) for number in range(3)]
"""10, 20 and 30 s."""


def running(step: int, elapsed_s: float, fraction: float = 0.0):
    """A job in the middle of a step."""
    return replace(
        job("a"),
        state=JobState.RUNNING,
        step_idx=step,
        step_started_at=NOW - timedelta(seconds=elapsed_s),
        progress_done=fraction,
        progress_total=1.0 if fraction else 0.0,
    )


def test_a_waiting_job_has_all_of_its_work_before_it():
    """Before the start it is the sum of the estimates."""
    assert remaining.seconds(ESTIMATES, job("a"), [], NOW) == pytest.approx(60)


def test_a_paused_job_has_its_unfinished_steps_before_it():
    """Finished steps do not count any more."""
    assert remaining.seconds(ESTIMATES, job("a"), [step_run(0, wall_s=10)], NOW) == pytest.approx(50)


def test_an_ended_job_has_nothing_left():
    """There is no time left of a job that has ended."""
    assert remaining.seconds(ESTIMATES, replace(job("a"), state=JobState.FINISHED), [], NOW) is None


def test_a_slow_machine_is_slow_in_the_steps_to_come():
    """A finished step that took twice as long makes the others longer, by the geometric mean with the estimate."""
    assert remaining.seconds(ESTIMATES, job("a"), [step_run(0, wall_s=40)], NOW) == pytest.approx(100)


def test_the_elapsed_time_of_the_running_step_counts():
    """Without progress, the running step ends when its estimate says."""
    assert remaining.seconds(ESTIMATES, running(0, 4), [], NOW) == pytest.approx(56)


def test_nobody_knows_the_end_of_a_step_that_shows_nothing():
    """A step that has outlived its estimate without any progress has no honest end."""
    assert remaining.seconds(ESTIMATES, running(0, 25), [], NOW) is None


def test_progress_corrects_the_estimate():
    """Half done after 40 s: about 40 s more, although 10 were expected in all."""
    left = remaining.left_of_step(expected_s=10, elapsed_s=40, fraction=0.5)
    assert left is not None
    assert 20 <= left <= 40


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9, 0.99, 1.0])
def test_near_the_end_progress_rules(fraction):
    """A step that keeps to its estimate has the rest of it before it, however far it is."""
    left = remaining.left_of_step(expected_s=100, elapsed_s=100 * fraction, fraction=fraction)
    assert left == pytest.approx(100 * (1 - fraction), abs=1)


def test_the_preparation_of_the_node_is_no_step_of_the_engine():
    """While the node is prepared, all steps are still to come."""
    assert remaining.seconds(ESTIMATES, running(-1, 5), [], NOW) == pytest.approx(60)
