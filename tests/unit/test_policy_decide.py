"""When a parked job starts, and what it is told when it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_makers import DRAW_W, NOW, RULES, all_signals, batch, fleets, job, jobs, rules, sun

from naomesh.policy.decide import decide, explain
from naomesh.policy.model import Fleet, JobView, Rules, Signals, Start, Wait
from naomesh.policy.readings import trusted


def test_bypass_starts_at_once_in_the_dark() -> None:
    """A bypass job starts without sun, and its start is not the guard's."""
    decision = decide(sun(0), Fleet(1), job(green=False), RULES)

    assert decision == Start("bypass: starts at once, sun or not")


def test_without_a_source_green_starts_at_once() -> None:
    """Where no source is set nothing can be green: the job starts, and the reason says why."""
    decision = decide(Signals(NOW, None, configured=False), Fleet(1), job(), RULES)

    assert isinstance(decision, Start)
    assert "nothing can be green" in decision.reason


@pytest.mark.parametrize(
    ("power_w", "running", "granted", "starts"),
    [
        (117, 0, 0, True),
        (116, 0, 0, False),
        (233, 1, 0, False),
        (234, 1, 0, True),
        (350, 1, 1, False),
        (351, 1, 1, True),
    ],
)
def test_surplus_counts_what_runs_and_what_was_granted(
    power_w: float, running: int, granted: int, starts: bool
) -> None:
    """A job starts when production less the draw of all running and granted jobs covers its own draw."""
    fleet = Fleet(9, running=batch(running), granted=tuple(job(f"g{index}") for index in range(granted)))

    assert isinstance(decide(sun(power_w), fleet, job(), RULES), Start) is starts


def test_a_fraction_of_the_draw_may_be_enough() -> None:
    """With start_fraction 0.5 half of the draw is enough, but never less than the minimum production."""
    half = replace(RULES, start_fraction=0.5, minimum_production_w=0)

    assert isinstance(decide(sun(60), Fleet(1), job(), half), Start)
    assert isinstance(decide(sun(60), Fleet(1), job(), replace(half, minimum_production_w=100)), Wait)


def test_below_the_minimum_production_nothing_green_starts() -> None:
    """The floor of 100 W holds even for a job that draws less."""
    decision = decide(sun(99), Fleet(1), job(draw_w=20), RULES)

    assert isinstance(decision, Wait)
    assert decision.reason.startswith("needs at least 100 W of sun, there are 99 W")


def test_a_job_that_asks_again_does_not_count_against_itself() -> None:
    """A granted job that passes the gate a second time finds its own draw and slot still its own."""
    asking = job()

    assert isinstance(decide(sun(117), Fleet(1, granted=(asking,)), asking, RULES), Start)


def test_the_reason_tells_the_figures_and_the_outlook() -> None:
    """A waiting job is told what is missing, and when the outlook expects it to start."""
    outlook = ((NOW + timedelta(minutes=100), 400.0), (NOW + timedelta(minutes=130), 360.0))
    running = (job("r1", left_s=7200), job("r2", left_s=7200, draw_w=153))

    decision = decide(sun(310, outlook=outlook), Fleet(9, running=running), job(), RULES)

    assert decision == Wait(
        "needs 117 W of sun, 40 W are left of 310 W; expected about 09:40 UTC", NOW + timedelta(minutes=100)
    )


def test_the_outlook_knows_that_running_jobs_end() -> None:
    """What has ended by then does not count against the sun of then."""
    outlook = ((NOW, 150.0), (NOW + timedelta(minutes=60), 150.0))

    decision = decide(sun(150, outlook=outlook), Fleet(9, running=(job("r", left_s=1800),)), job(), RULES)

    assert isinstance(decision, Wait)
    assert decision.expected == NOW + timedelta(minutes=60)


def test_expected_is_the_guard_s_time_when_no_sun_is_in_sight() -> None:
    """Without an outlook the deadline guard is what a job can count on: deadline less margin times work, less early."""
    decision = decide(sun(0), Fleet(1), job(deadline_s=36000, left_s=3600), RULES)

    assert isinstance(decision, Wait)
    assert decision.expected == NOW + timedelta(seconds=36000 - 1.5 * 3600 - 600)
    assert decision.reason.endswith("; its deadline starts it about 16:20 UTC")


def test_no_free_slot_is_said_so() -> None:
    """With all nodes taken a job waits whatever the sun, and is told when the first should be free."""
    fleet = Fleet(2, running=(job("r1", left_s=4000), job("r2", left_s=1800)))

    green, bypass = (decide(sun(4000), fleet, job(green=green), RULES) for green in (True, False))

    assert bypass == Wait(
        "all 2 nodes are taken, the first should be free about 08:30 UTC", NOW + timedelta(seconds=1800)
    )
    assert isinstance(green, Wait)
    assert green.reason.startswith("all 2 nodes are taken, the first should be free about 08:30 UTC; ")


def test_without_any_node_nobody_can_know() -> None:
    """No nodes at all: the job waits, and no time is promised, due or not."""
    for deadline_s in (86400, 0):
        assert decide(sun(4000), Fleet(0), job(deadline_s=deadline_s), RULES) == Wait("there is no node to run it on")


def test_the_guard_starts_a_job_in_the_dark() -> None:
    """From its latest safe start on, a little early, a job starts without sun, and the start is marked."""
    latest_s = 1.5 * 1800 + 600

    early = decide(sun(0), Fleet(1), job(deadline_s=latest_s + 1), RULES)
    due = decide(sun(0), Fleet(1), job(deadline_s=latest_s), RULES)

    assert isinstance(early, Wait)
    assert isinstance(due, Start)
    assert due.forced


def test_the_guard_plans_over_all_jobs() -> None:
    """Ten jobs with one deadline on one node: the first must start ten lengths before it, not one."""
    ten = tuple(job(f"j{index}", deadline_s=10 * 2700 + 600, left_s=1800) for index in range(10))

    decision = decide(sun(0), Fleet(1, waiting=ten), ten[0], RULES)

    assert isinstance(decision, Start)
    assert decision.forced
    assert isinstance(decide(sun(0), Fleet(2, waiting=ten), ten[0], RULES), Wait)


def test_a_free_slot_is_kept_for_a_nearer_deadline() -> None:
    """Sun or not, a long job may not take the last node when another must start before it would end."""
    urgent = job("urgent", deadline_s=7200)

    decision = decide(sun(500), Fleet(1, waiting=(urgent,)), job(left_s=7200), RULES)

    assert isinstance(decision, Wait)
    assert "kept for jobs that must start by 09:15 UTC" in decision.reason
    assert isinstance(decide(sun(500), Fleet(2, waiting=(urgent,)), job(left_s=7200), RULES), Start)


def test_a_job_stays_parked_for_a_while() -> None:
    """No restart within the dwell time after a pause, unless the guard says so; a job that never ran has none."""
    fleet = Fleet(1)

    assert isinstance(decide(sun(500), fleet, job(since_s=-299), RULES), Wait)
    assert isinstance(decide(sun(500), fleet, job(since_s=-300), RULES), Start)
    assert isinstance(decide(sun(500), fleet, job(since_s=-1, deadline_s=1800), RULES), Start)
    assert isinstance(decide(sun(500), fleet, job(), RULES), Start)


def test_a_clock_that_was_set_back_does_not_hold_a_job() -> None:
    """A time of parking that lies far ahead says nothing: the job may start."""
    assert isinstance(decide(sun(500), Fleet(1), job(since_s=86400), RULES), Start)


@given(all_signals(), fleets(), jobs("mine", max_size=1), rules())
def test_no_start_without_surplus(signals: Signals, fleet: Fleet, mine: tuple[JobView, ...], knobs: Rules) -> None:
    """Whatever comes: a green job starts on a trusted surplus only, unless forced or no source is set; and only on a
    free slot."""
    view = mine[0] if mine else job("mine0")

    decision = decide(signals, fleet, view, knobs)

    if isinstance(decision, Wait):
        return
    assert fleet.free > 0
    if view.green and signals.configured and not decision.forced:
        power_w, _ = trusted(signals, knobs)
        assert power_w is not None
        assert power_w >= knobs.minimum_production_w
        assert power_w - fleet.draw_w >= knobs.start_fraction * view.draw_w - 1e-6


@given(all_signals(), fleets(), jobs("mine", max_size=1), rules())
def test_reasons_are_one_line(signals: Signals, fleet: Fleet, mine: tuple[JobView, ...], knobs: Rules) -> None:
    """Every decision has a reason, in one line; an expected time is aware and not in the past."""
    decision = decide(signals, fleet, mine[0] if mine else job("mine0"), knobs)

    assert decision.reason
    assert decision.reason.splitlines() == [decision.reason]
    if isinstance(decision, Wait) and decision.expected is not None:
        assert decision.expected >= NOW - timedelta(milliseconds=1)


@given(st.floats(-50, 6000), st.floats(0, 6000), fleets(), jobs("mine", max_size=1), rules())
def test_more_sun_never_turns_a_start_into_a_wait(
    power_w: float, more_w: float, fleet: Fleet, mine: tuple[JobView, ...], knobs: Rules
) -> None:
    """The decision is monotone in the sun."""
    view = mine[0] if mine else job("mine0")
    less, more = (decide(sun(watts), fleet, view, knobs) for watts in (power_w, power_w + more_w))

    assert isinstance(less, Wait) or isinstance(more, Start)


@given(all_signals(), fleets(), rules())
def test_explain_says_what_decide_says(signals: Signals, fleet: Fleet, knobs: Rules) -> None:
    """All waiting jobs explained at once get the answers that each would get alone."""
    alone = {view.job_id: decide(signals, fleet, view, knobs) for view in fleet.waiting}

    assert explain(signals, fleet, knobs) == alone


def test_two_hundred_that_ask_at_once_are_seven_starts() -> None:
    """200 jobs that ask one after the other, each grant booked, with sun for 7, are exactly 7 starts."""
    crowd = batch(200)
    granted: tuple[JobView, ...] = ()
    for view in crowd:
        waiting = tuple(other for other in crowd if other not in granted)
        if isinstance(decide(sun(7 * DRAW_W), Fleet(48, granted=granted, waiting=waiting), view, RULES), Start):
            granted = (*granted, view)

    assert granted == crowd[:7]
