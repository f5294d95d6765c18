"""One look at signals and fleet, asked for one job after the other; what it books counts for the next."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from naomesh.policy import words
from naomesh.policy.guard import Plan
from naomesh.policy.model import Continue, Fleet, JobView, Pause, Rules, Signals, Start, Wait
from naomesh.policy.outlook import Outlook
from naomesh.policy.readings import trusted

ROUNDING_W = 1e-6
"""Sums of draws are not exact: a surplus that misses the need by less is enough."""


class Gate:
    """All that the answers share. Every job that is asked for stands in ``fleet.waiting``."""

    def __init__(self, signals: Signals, fleet: Fleet, rules: Rules) -> None:
        self._signals = signals
        self._fleet = fleet
        self._rules = rules
        self._now_s = signals.now.timestamp()
        self._production_w, self._doubt = trusted(signals, rules)
        self._draw_w = fleet.draw_w
        self.free = fleet.free
        self._plan = Plan(self._now_s, fleet.slots, fleet.waiting, (*fleet.running, *fleet.granted), rules)

    def ask(self, job: JobView) -> Start | Wait:
        """May the parked job start?"""
        return self.start_of(job) or self._wait(job)

    def start_of(self, job: JobView) -> Start | None:
        """The Start, or None where the job has to wait."""
        if self.free < 1:
            return None
        if not job.green:
            return Start("bypass: starts at once, sun or not")
        if not self._signals.configured:
            return Start("no energy source is configured, so nothing can be green: starts at once, on grid power")
        if self._plan.due_before(job) >= self.free:
            return None
        if self._plan.due(job):
            deadline = self._clock(job.deadline.timestamp())
            work = words.span(job.left_s)
            return Start(f"its deadline {deadline} and {work} of work leave no time to wait for the sun", forced=True)
        if self._dwell_s(job) > 0 or not self._sunny(job) or not self._plan.has_room_for(job):
            return None
        return Start(
            f"{words.watts(self._surplus_w)} of {words.watts(self._production_w or 0.0)} of sun are free, "
            f"the job draws {words.watts(job.draw_w)}"
        )

    def ask_to_go_on(self, job: JobView) -> Continue | Pause:
        """May the running job take its next step? The job stands in ``fleet.waiting`` here, not in ``running``: the
        plan is what it would be if the job were parked."""
        if not job.green:
            return Continue("bypass: never pauses for the sun")
        if not self._signals.configured:
            return Continue("no energy source is configured, so nothing waits for the sun")
        missing = self._why_pause(job) or self._pressing(job)
        if not missing:
            return Continue(f"{words.watts(self._production_w or 0.0)} of sun carry it")
        keep = self._why_not_pause(job)
        if keep:
            return Continue(f"{missing}, but {keep}")
        expected = self._expected(job, self._now_s + self._rules.min_pause_s)
        return Pause(missing + self._hope(expected, job), expected)

    def queue(self) -> list[JobView]:
        """All that waits, in the order in which it is to be asked."""
        return list(self._plan.in_turn())

    def book(self, job: JobView) -> None:
        """Grant the job: its draw and a slot are gone for the next."""
        self.free -= 1
        self._draw_w += job.draw_w
        self._plan.start(job)

    @property
    def _surplus_w(self) -> float:
        return (self._production_w or 0.0) - self._draw_w

    @cached_property
    def _outlook(self) -> Outlook:
        return Outlook(self._signals, self._fleet)

    def _need_w(self, job: JobView) -> float:
        return self._rules.start_fraction * job.draw_w

    def _sunny(self, job: JobView) -> bool:
        return (
            self._production_w is not None
            and self._production_w >= self._rules.minimum_production_w
            and self._surplus_w >= self._need_w(job) - ROUNDING_W
        )

    def _dwell_s(self, job: JobView) -> float:
        """For how long a job that was parked stays so; 0 for one that never ran."""
        return self._remaining_s(job, self._rules.min_pause_s)

    def _remaining_s(self, job: JobView, least_s: float) -> float:
        if job.since is None:
            return 0.0
        passed_s = self._now_s - job.since.timestamp()
        if passed_s < -self._rules.max_clock_skew_s:  # the clock was set back: no reason to stand still until then
            return 0.0
        return max(0.0, least_s - passed_s)

    def _wait(self, job: JobView) -> Wait:
        after_s = self._now_s + (self._dwell_s(job) if job.green else 0.0)
        if self.free < 1:
            return self._wait_for_slot(job, after_s)
        expected = self._expected(job, after_s)
        return Wait(self._why_wait(job) + self._hope(expected, job), expected)

    def _wait_for_slot(self, job: JobView, after_s: float) -> Wait:
        slots = self._fleet.slots
        if slots < 1:
            return Wait("there is no node to run it on")
        slot_s = self._outlook.slot_s()
        assert slot_s is not None  # noqa: S101 - there are slots
        taken = "the node is taken" if slots == 1 else f"all {slots} nodes are taken"
        reason = f"{taken}, the first should be free about {self._clock(slot_s)}"
        if not job.green or not self._signals.configured:
            return Wait(reason, self._time(slot_s))
        expected = self._expected(job, max(after_s, slot_s), not_before_s=slot_s)
        return Wait(reason + self._hope(expected, job), expected)

    def _why_wait(self, job: JobView) -> str:
        rules = self._rules
        dwell_s = self._dwell_s(job)
        if dwell_s > 0:
            return f"parked a short while ago, and stays so for another {words.span(dwell_s)}"
        if self._production_w is None:
            return f"no sun to rely on: {self._doubt}"
        if self._plan.due_before(job) >= self.free or self._sunny(job):
            return f"the free node is kept for jobs that must start by {self._clock(self._plan.must_start_s())}"
        production = words.watts(self._production_w)
        trouble = f" ({words.line(self._signals.problem)})" if self._signals.problem else ""
        if self._production_w < rules.minimum_production_w:
            return f"needs at least {words.watts(rules.minimum_production_w)} of sun, there are {production}{trouble}"
        left = words.watts(max(0.0, self._surplus_w))
        return f"needs {words.watts(self._need_w(job))} of sun, {left} are left of {production}{trouble}"

    def _why_pause(self, job: JobView) -> str:
        """What speaks for a pause; empty when nothing does. It never pauses what `start_of` would start at once."""
        spare_w = self._surplus_w - job.draw_w
        threshold_w = min(self._rules.pause_below_w, (self._rules.start_fraction - 1.0) * job.draw_w)
        if spare_w >= threshold_w - ROUNDING_W and self._production_w is not None:
            return ""
        if self._production_w is None:
            return f"no sun to rely on: {self._doubt}"
        left = words.watts(max(0.0, self._surplus_w))
        return f"draws {words.watts(job.draw_w)}, the sun leaves it {left} of {words.watts(self._production_w)}"

    def _pressing(self, job: JobView) -> str:
        """Other jobs that are due and find no slot while this one runs."""
        if self.free > 1:  # one of the free slots is this job's own
            return ""
        due = self._due_while_running(job)
        return f"its node is needed: {due} waiting must start now for their deadlines" if due else ""

    def _why_not_pause(self, job: JobView) -> str:
        rules = self._rules
        if self._remaining_s(job, rules.min_run_s) > 0:
            return f"it started less than {words.span(rules.min_run_s)} ago"
        if job.left_s < rules.min_left_s:
            return f"only {words.span(job.left_s)} are left"
        due_s = self._plan.due_s(job)
        if due_s <= self._now_s + max(rules.min_pause_s, rules.min_slack_s):
            until = f"until {self._clock(due_s)} only" if due_s > self._now_s else "not at all"
            return f"the deadlines let it stand still {until}"
        if self._plan.due_count() and not self._due_while_running(job):
            return "the deadlines of those that wait allow no pause"
        return ""

    def _due_while_running(self, job: JobView) -> int:
        """How many others are due as long as `job` keeps its slot."""
        fleet = self._fleet
        others = [other for other in fleet.waiting if other.job_id != job.job_id]
        taken = (*fleet.running, *fleet.granted, job)
        return Plan(self._now_s, fleet.slots, others, taken, self._rules).due_count()

    def _expected(self, job: JobView, after_s: float, not_before_s: float | None = None) -> datetime | None:
        """The first sun after `after_s` that carries the job, or the guard's time, whichever comes first; the guard
        heeds no dwell time, but cannot start a job before there is a slot (`not_before_s`)."""
        sun_s = self._outlook.covers_s(self._need_w(job), self._rules.minimum_production_w, after_s)
        guard_s = max(self._plan.due_s(job), not_before_s or self._now_s)
        return self._time(guard_s if sun_s is None else min(sun_s, guard_s))

    def _hope(self, expected: datetime | None, job: JobView) -> str:
        if expected is None:
            return ""
        if expected.timestamp() >= self._plan.due_s(job) - 1e-3:
            return f"; its deadline starts it about {words.clock(expected, self._signals.now)}"
        return f"; expected about {words.clock(expected, self._signals.now)}"

    def _clock(self, when_s: float) -> str:
        when = self._time(when_s)
        return words.clock(when, self._signals.now) if when else "at once"

    def _time(self, when_s: float) -> datetime | None:
        try:
            return datetime.fromtimestamp(when_s, UTC)
        except (OverflowError, ValueError, OSError):  # infinite, or beyond the calendar
            return None
