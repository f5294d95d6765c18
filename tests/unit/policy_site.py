"""A small site on a fake clock that lives by `choose` and `at_boundary` alone: minutes pass, jobs run in steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from policy_makers import NOW

from naomesh.policy.decide import at_boundary, choose
from naomesh.policy.model import Fleet, JobView, Pause, Reading, Rules, Signals

MINUTE = timedelta(minutes=1)


@dataclass
class Work:
    """A job of the site: its view, what its step has left in s, and what happened to it when."""

    view: JobView
    step_s: float
    running: bool = False
    step_left_s: float = 0.0
    starts: list[datetime] = field(default_factory=list)
    forced: list[datetime] = field(default_factory=list)
    pauses: list[datetime] = field(default_factory=list)
    ended: datetime | None = None


def live(
    views: Sequence[JobView],
    *,
    slots: int,
    rules: Rules,
    power_w: Callable[[int], float],
    step_s: float,
    minutes: int,
    until_done: bool = True,
) -> list[Work]:
    """Live for `minutes`; `power_w` gives the sun of each minute, `step_s` the length of a step. Durations hold."""
    site = [Work(view, step_s) for view in views]
    for minute in range(minutes):
        now = NOW + minute * MINUTE
        signals = Signals(now, Reading(power_w(minute), now))
        for work in site:
            if work.running and work.view.left_s <= 0:
                work.running, work.ended = False, now
            elif work.running and work.step_left_s <= 0:
                _boundary(work, site, slots, signals, rules)
        _wake(site, slots, signals, rules)
        if until_done and all(work.ended for work in site):
            break
        for work in site:
            if work.running:
                work.step_left_s -= 60
                work.view = replace(work.view, left_s=work.view.left_s - 60)
    return site


def _fleet(site: Sequence[Work], slots: int) -> Fleet:
    running = tuple(work.view for work in site if work.running)
    waiting = tuple(work.view for work in site if not work.running and work.ended is None)
    return Fleet(slots, running=running, waiting=waiting)


def _boundary(work: Work, site: Sequence[Work], slots: int, signals: Signals, rules: Rules) -> None:
    if isinstance(at_boundary(signals, _fleet(site, slots), work.view, rules), Pause):
        work.running = False
        work.pauses.append(signals.now)
        work.view = replace(work.view, since=signals.now)
    else:
        work.step_left_s = work.step_s


def _wake(site: Sequence[Work], slots: int, signals: Signals, rules: Rules) -> None:
    by_id = {work.view.job_id: work for work in site}
    for view, start in choose(signals, _fleet(site, slots), rules):
        work = by_id[view.job_id]
        work.running = True
        work.step_left_s = work.step_s
        work.view = replace(view, since=signals.now)
        (work.forced if start.forced else work.starts).append(signals.now)
