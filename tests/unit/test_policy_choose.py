"""Whom to wake."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from policy_makers import DRAW_W, RULES, all_signals, batch, fleets, job, rules, sun

from naomesh.policy.decide import choose, decide
from naomesh.policy.model import Fleet, JobView, Rules, Signals, Start


def names(signals: Signals, fleet: Fleet) -> list[str]:
    """Who would be woken, in order."""
    return [view.job_id for view, _ in choose(signals, fleet, RULES)]


def test_sun_for_seven_wakes_the_seven_nearest_deadlines() -> None:
    """Of 200 waiting jobs, in any order, the 7 with the nearest deadlines are woken when there is sun for 7."""
    crowd = batch(200)

    assert names(sun(7 * DRAW_W), Fleet(48, waiting=crowd[::-1])) == [view.job_id for view in crowd[:7]]


def test_no_more_than_there_are_slots() -> None:
    """Much sun and two free nodes are two starts."""
    assert len(choose(sun(4000), Fleet(3, running=(job("r"),), waiting=batch(50)), RULES)) == 2


def test_bypass_comes_first_then_what_is_due() -> None:
    """Bypass jobs go before due ones, due ones before the others, and their draw is gone for those that follow."""
    waiting = (job("green", deadline_s=40000), job("due", deadline_s=3000), job("bypass", green=False))

    assert names(sun(2 * DRAW_W), Fleet(9, waiting=waiting)) == ["bypass", "due"]
    assert names(sun(3 * DRAW_W), Fleet(9, waiting=waiting)) == ["bypass", "due", "green"]


def test_nothing_is_chosen_in_the_dark() -> None:
    """Without sun, and with nothing due, nobody is woken."""
    assert choose(sun(0), Fleet(48, waiting=batch(20)), RULES) == []


@given(all_signals(), fleets(), rules())
def test_choose_grants_what_decide_grants(signals: Signals, fleet: Fleet, knobs: Rules) -> None:
    """The chosen, asking `decide` one after the other in that order with each grant booked, all get their Start, as
    good as the one that `choose` gave; and then nobody else would get one."""
    granted, waiting = fleet.granted, fleet.waiting
    for view, start in choose(signals, fleet, knobs):
        decision = decide(signals, replace(fleet, granted=granted, waiting=waiting), view, knobs)
        assert isinstance(decision, Start)
        assert decision.forced == start.forced
        granted = (*granted, view)
        waiting = tuple(other for other in waiting if other is not view)
    rest = replace(fleet, granted=granted, waiting=waiting)
    assert not [view for view in waiting if isinstance(decide(signals, rest, view, knobs), Start)]


def test_a_thousand_waiting_are_chosen_from_quickly() -> None:
    """With 1,000 jobs waiting a choice takes about as long as sorting them does, some ms: it is made each second."""
    crowd = batch(1000)
    fleet = Fleet(48, running=tuple(job(f"r{index}") for index in range(20)), waiting=crowd)

    def seconds() -> float:
        began = time.process_time()
        choose(sun(30 * DRAW_W), fleet, RULES)
        return time.process_time() - began

    assert min(seconds() for _ in range(7)) < 0.02  # measured: 0.004 on a desk


def test_a_crowd_of_equal_jobs_is_served_in_order_of_arrival() -> None:
    """With one deadline for all, who came first is served first."""

    def came(name: str, seconds: int) -> JobView:
        view = job(name)
        return replace(view, submitted=view.submitted.replace(second=seconds))

    assert names(sun(DRAW_W), Fleet(9, waiting=(came("late", 30), came("early", 10), came("later", 50)))) == ["early"]
