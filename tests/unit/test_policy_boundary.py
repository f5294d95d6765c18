"""When a running job pauses between two steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_makers import DRAW_W, NOW, RULES, all_signals, fleets, job, jobs, rules, sun

from naomesh.policy.decide import at_boundary, decide
from naomesh.policy.model import Continue, Fleet, JobView, Pause, Rules, Signals, Start


def alone(view: JobView) -> Fleet:
    """One node, and the job on it."""
    return Fleet(1, running=(view,))


def test_a_job_does_not_count_against_itself_twice() -> None:
    """At a boundary the sun has to carry what runs, the job itself counted once: just enough goes on."""
    mine = job("mine", left_s=7200)
    two = Fleet(2, running=(mine, job("other")))

    assert isinstance(at_boundary(sun(2 * DRAW_W), two, mine, RULES), Continue)
    assert isinstance(at_boundary(sun(2 * DRAW_W - 1), two, mine, RULES), Pause)
    assert isinstance(at_boundary(sun(DRAW_W), alone(mine), mine, RULES), Continue)


def test_the_pause_says_what_is_missing_and_when_it_ends() -> None:
    """A pause names the draw, the sun that is left, and when the outlook expects the job back."""
    mine = job("mine", left_s=7200)
    outlook = ((NOW, 40.0), (NOW + timedelta(minutes=100), 400.0))

    decision = at_boundary(sun(40, outlook=outlook), alone(mine), mine, RULES)

    reason = "draws 117 W, the sun leaves it 40 W of 40 W; expected about 09:40 UTC"
    assert decision == Pause(reason, NOW + timedelta(minutes=100))


def test_the_pause_is_expected_to_last_at_least_the_dwell_time() -> None:
    """Sun that comes back within the dwell time brings the job back only after it."""
    mine = job("mine", left_s=7200)
    outlook = ((NOW, 0.0), (NOW + timedelta(seconds=60), 400.0))

    decision = at_boundary(sun(0, outlook=outlook), alone(mine), mine, RULES)

    assert isinstance(decision, Pause)
    assert decision.expected == NOW + timedelta(seconds=300)


@pytest.mark.parametrize(
    "mine",
    [
        job("mine", left_s=7200, since_s=-299),
        job("mine", left_s=899),
        job("mine", left_s=7200, deadline_s=1.5 * 7200 + 600 + 3600),
        job("mine", left_s=7200, green=False),
    ],
    ids=["started just now", "nearly done", "deadline too near", "bypass"],
)
def test_what_keeps_a_job_running_in_the_dark(mine: JobView) -> None:
    """No pause within the dwell time of a start, with little left, when the guard would soon end it, or for bypass."""
    assert isinstance(at_boundary(sun(0), alone(mine), mine, RULES), Continue)


def test_the_same_a_second_later_is_a_pause() -> None:
    """Past each of these limits the job does pause."""
    for mine in (
        job("mine", left_s=7200, since_s=-300),
        job("mine", left_s=900),
        job("mine", left_s=7200, deadline_s=1.5 * 7200 + 600 + 3601),
    ):
        assert isinstance(at_boundary(sun(0), alone(mine), mine, RULES), Pause)


def test_a_silent_source_is_no_sun() -> None:
    """A reading in doubt pauses as a cloud does, and the reason says what is wrong."""
    mine = job("mine", left_s=7200)

    decision = at_boundary(Signals(NOW, None, problem="the source answered a web page"), alone(mine), mine, RULES)

    assert isinstance(decision, Pause)
    assert decision.reason.startswith("no sun to rely on: the source answered a web page; ")


def test_without_a_source_nothing_pauses() -> None:
    """Where no source is set a running job goes on."""
    mine = job("mine", left_s=7200)

    assert isinstance(at_boundary(Signals(NOW, None, configured=False), alone(mine), mine, RULES), Continue)


def test_a_job_makes_room_for_one_that_is_due() -> None:
    """With every node taken, a job that can wait leaves its node to one that must start now, sun or not."""
    mine = job("mine", left_s=7200)
    due = job("due", deadline_s=3000)

    decision = at_boundary(sun(4000), Fleet(1, running=(mine,), waiting=(due,)), mine, RULES)

    assert isinstance(decision, Pause)
    assert decision.reason.startswith("its node is needed: 1 waiting must start now")
    assert isinstance(at_boundary(sun(4000), Fleet(2, running=(mine,), waiting=(due,)), mine, RULES), Continue)


def test_no_pause_that_keeps_others_waiting_too_long() -> None:
    """A job goes on in the dark when, parked, it would soon press a waiting one that is laid out after it."""
    mine = job("mine", left_s=10.3 * 3600, deadline_s=24 * 3600)
    other = job("other", left_s=5 * 3600, deadline_s=24 * 3600 - 60)

    decision = at_boundary(sun(0), Fleet(1, running=(mine,), waiting=(other,)), mine, RULES)

    assert isinstance(decision, Continue)
    assert decision.reason.endswith("but the deadlines let it stand still until 08:53 UTC only")
    assert isinstance(at_boundary(sun(0), Fleet(1, running=(mine,)), mine, RULES), Pause)


@given(all_signals(), fleets(), jobs("mine", max_size=1), rules())
def test_a_pause_is_never_taken_back_at_once(
    signals: Signals, fleet: Fleet, mine: tuple[JobView, ...], knobs: Rules
) -> None:
    """What pauses for want of sun would not be started by the same sun, nor by the guard."""
    view = replace(mine[0] if mine else job("mine0"), green=True)
    decision = at_boundary(signals, replace(fleet, running=(*fleet.running, view)), view, knobs)
    if isinstance(decision, Continue) or decision.reason.startswith("its node is needed"):
        return

    assert not isinstance(decide(signals, fleet, replace(view, since=NOW), replace(knobs, min_pause_s=0)), Start)


@given(all_signals(), fleets(), jobs("mine", max_size=1), rules())
def test_reasons_at_a_boundary_are_one_line(
    signals: Signals, fleet: Fleet, mine: tuple[JobView, ...], knobs: Rules
) -> None:
    """Every answer has a reason, in one line, and the job may stand among the running or not."""
    view = mine[0] if mine else job("mine0")
    there = at_boundary(signals, replace(fleet, running=(*fleet.running, view)), view, knobs)

    assert there.reason.splitlines() == [there.reason]
    assert at_boundary(signals, fleet, view, knobs) == there


@given(st.floats(-50, 6000), st.floats(0, 6000), fleets(), jobs("mine", max_size=1), rules())
def test_more_sun_never_pauses(
    power_w: float, more_w: float, fleet: Fleet, mine: tuple[JobView, ...], knobs: Rules
) -> None:
    """What goes on with some sun goes on with more."""
    view = mine[0] if mine else job("mine0")
    less, more = (at_boundary(sun(watts), fleet, view, knobs) for watts in (power_w, power_w + more_w))

    assert isinstance(less, Pause) or isinstance(more, Continue)
