"""How long a job will still take: the estimate before its start, corrected by what it has shown since.

Steps that are done say how fast this machine is with these photos: the geometric mean of actual over expected time, in
which the estimate counts as one step. The running step's own progress is trusted in proportion to how far it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from naomesh.engines.estimate import StepEstimate
from naomesh.jobs.job import Job
from naomesh.jobs.states import ENDED, JobState
from naomesh.storage.steps import DONE, StepRun

SHORTEST_S = 1.0
"""Steps that were expected or took less say nothing about the others."""


def seconds(estimates: Sequence[StepEstimate], job: Job, runs: Sequence[StepRun], now: datetime) -> float | None:
    """Seconds of work that are left; None where the job has ended, or where the running step has outlived every
    expectation and shows no progress."""
    if job.state in ENDED or not estimates:
        return None
    done = {run.number: run.wall_s for run in runs if run.outcome == DONE}
    pace = pace_of(estimates, done)
    left = [row for row in estimates if row.step.number not in done]
    total = math.fsum(row.seconds * pace for row in left)
    if job.state is not JobState.RUNNING or job.step_started_at is None:
        return total
    current = next((row for row in left if row.step.number == job.step_idx), None)
    if current is None:
        return total
    expected_s = current.seconds * pace
    here_s = left_of_step(expected_s, (now - job.step_started_at).total_seconds(), job.fraction)
    return None if here_s is None else total - expected_s + here_s


def pace_of(estimates: Sequence[StepEstimate], done: dict[int, float]) -> float:
    """How many times longer than expected the finished steps took (`done`: seconds by step number)."""
    logs = [
        math.log(done[row.step.number] / row.seconds)
        for row in estimates
        if done.get(row.step.number, 0.0) >= SHORTEST_S and row.seconds >= SHORTEST_S
    ]
    return math.exp(math.fsum(logs) / (len(logs) + 1))


def left_of_step(expected_s: float, elapsed_s: float, fraction: float) -> float | None:
    """Seconds left of a step that has run for `elapsed_s` and has done `fraction` of its work; None: nobody knows."""
    by_estimate_s = max(0.0, expected_s - elapsed_s)
    if fraction <= 0.0:
        return by_estimate_s if elapsed_s < expected_s or elapsed_s < 10 else None
    by_progress_s = elapsed_s * (1 - fraction) / fraction
    return fraction * by_progress_s + (1 - fraction) * max(
        by_estimate_s, min(expected_s, by_progress_s) * (1 - fraction)
    )
