"""The policy over hours: deadlines are met, and nothing flaps."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from policy_makers import DRAW_W, NOW, RULES, job
from policy_site import live

from naomesh.policy.guard import Plan
from naomesh.policy.model import JobView, Rules

EXACT = replace(RULES, guard_margin=1.0, guard_early_s=60.0)
minutes = st.integers(1, 180).map(lambda count: 60.0 * count)


def loads() -> st.SearchStrategy[list[JobView]]:
    """Some jobs of whole minutes with deadlines within a day."""
    one = st.tuples(minutes, st.integers(5, 1440), st.sampled_from([60.0, DRAW_W, 300.0]))
    return st.lists(one, min_size=1, max_size=12).map(
        lambda rows: [
            job(f"j{index}", left_s=left_s, deadline_s=60.0 * deadline, draw_w=draw_w)
            for index, (left_s, deadline, draw_w) in enumerate(rows)
        ]
    )


def feasible(views: list[JobView], slots: int, rules: Rules) -> bool:
    """Whether all would meet their deadlines if they ran from now on, one after the other on each slot."""
    return Plan(NOW.timestamp(), slots, views, (), rules).must_start_s() >= NOW.timestamp()


@given(loads(), st.integers(1, 4), st.integers(0, 10_000), st.sampled_from([600.0, 1800.0, 7200.0]), st.booleans())
def test_no_deadline_is_missed_with_exact_durations(
    views: list[JobView], slots: int, seed: int, step_s: float, pausing: bool
) -> None:
    """A load that can be done is done by its deadlines under any sun, with pauses and without."""
    knobs = replace(EXACT, min_slack_s=300, min_left_s=0 if pausing else 1e9)
    assume(feasible(views, slots, knobs))
    dice = random.Random(seed)
    sun_w = [dice.choice([0.0, 0.0, 150.0, 400.0, 2000.0]) for _ in range(200)]

    site = live(
        views, slots=slots, rules=knobs, power_w=lambda minute: sun_w[minute // 15 % 200], step_s=step_s, minutes=3000
    )

    event(f"pauses: {min(3, sum(len(work.pauses) for work in site))}")
    for work in site:
        assert work.ended is not None
        assert work.ended <= work.view.deadline


@given(loads(), st.integers(1, 4))
def test_in_the_dark_every_start_is_the_guard_s(views: list[JobView], slots: int) -> None:
    """Without any sun all starts are forced, and the first waits until some deadline is near."""
    assume(feasible(views, slots, EXACT))

    site = live(views, slots=slots, rules=EXACT, power_w=lambda _: 0.0, step_s=600, minutes=3000)

    assert not [work for work in site if work.starts or not work.forced]
    left = Plan(NOW.timestamp(), slots, views, (), EXACT).must_start_s() - NOW.timestamp()
    first = min(work.forced[0] for work in site)
    assert (first - NOW).total_seconds() >= left - 120


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 60), st.integers(0, 60))
def test_nothing_flaps_within_the_dwell_times(seed: int, count: int, run_min: int, pause_min: int) -> None:
    """Under a sun that changes each minute, a job is never restarted within min_pause_s of its pause (but by the
    guard) nor paused within min_run_s of its start."""
    knobs = replace(RULES, min_run_s=60.0 * run_min, min_pause_s=60.0 * pause_min, min_left_s=0.0)
    dice = random.Random(seed)
    sun_w = [dice.choice([0.0, DRAW_W, 1000.0]) for _ in range(400)]
    views = [job(f"j{index}", left_s=6 * 3600) for index in range(count)]

    site = live(views, slots=4, rules=knobs, power_w=lambda minute: sun_w[minute], step_s=60, minutes=400)

    for work in site:
        events = sorted([(time, "start") for time in work.starts] + [(time, "pause") for time in work.pauses])
        for (earlier, before), (later, after) in pairwise(events):
            assert before != after
            assert (later - earlier).total_seconds() >= (60.0 * pause_min if before == "pause" else 60.0 * run_min)
        assert not work.forced or work.forced[0] > NOW


def test_a_day_with_a_cloud_is_one_pause() -> None:
    """Sun, an hour of cloud, sun: the job pauses once and goes on once."""
    sun_w = [500.0] * 60 + [0.0] * 60 + [500.0] * 600

    [work] = live(
        [job(left_s=4 * 3600)], slots=1, rules=RULES, power_w=lambda minute: sun_w[minute], step_s=600, minutes=700
    )

    assert (len(work.starts), len(work.pauses), work.forced) == (2, 1, [])
    assert work.ended is not None
    assert (work.ended - NOW).total_seconds() == 5 * 3600


def test_what_the_guard_started_runs_through_the_night() -> None:
    """A job that the guard started does not stop and go as its slack grows with each minute that it runs."""
    [work] = live(
        [job(left_s=2 * 3600, deadline_s=8 * 3600)],
        slots=1,
        rules=RULES,
        power_w=lambda _: 0.0,
        step_s=300,
        minutes=600,
    )

    assert (len(work.starts), len(work.forced), len(work.pauses)) == (0, 1, 0)
