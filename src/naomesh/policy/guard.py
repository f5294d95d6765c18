"""The deadline guard: for how long may everything stand still and still be done in time?

The waiting jobs are laid out on the slots from now on, without a gap, nearest deadline first; what runs keeps its slot
to its end. What lies between a job's end and its deadline is its slack; as long as nothing starts, all slacks shrink
with the clock. (Where that leaves no time, they are laid out by their own latest starts too, deadline less work, which
is better for long jobs among many short ones, and the better layout counts.) A job is due when its own slack is gone,
or that of a job after it, which it keeps waiting. Due jobs start in the order of the layout, so that what happens is
the layout itself: where the durations hold, no deadline is missed that the layout met. (A guard that looks at one job
at a time misses deadlines as soon as several are due together.) A start out of order is laid out first, and refused
when it makes another job due. A job that is parked joins the layout, and is not parked when that makes one due.

Times are seconds since the epoch; all work carries the margin of the rules.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from itertools import accumulate

from naomesh.policy.model import JobView, Rules

Urgency = tuple[bool, float, float, str]

NOTHING_REFUSED: tuple[float, float] = (math.inf, math.inf)


class Plan:
    """The layout of `waiting` on `slots`, of which `taken` (running and granted) hold some to their expected ends.

    Laying out n jobs takes O(n log n); most questions and starts after that take O(1).
    """

    def __init__(
        self, now_s: float, slots: int, waiting: Iterable[JobView], taken: Iterable[JobView], rules: Rules
    ) -> None:
        self._now_s = now_s
        self._early_s = rules.guard_early_s
        self._margin = rules.guard_margin
        self._refused = NOTHING_REFUSED
        self._order = list(waiting)
        self._figures = {
            job.job_id: (job.green, self._work_s(job), job.deadline.timestamp(), job.submitted.timestamp())
            for job in self._order
        }
        ends = sorted(now_s + self._work_s(job) for job in taken)
        count = max(1, slots)
        self._lanes = [now_s] * (count - len(ends)) + ends[-count:]
        self._settle()

    def due_s(self, job: JobView) -> float:
        """When the guard starts `job`, sun or not: a little before the slack is gone."""
        return self._now_s + self._least_from[self._rank[job.job_id]] - self._early_s

    def due(self, job: JobView) -> bool:
        """Whether that time has come."""
        return self._rank[job.job_id] < self._due

    def due_before(self, job: JobView) -> int:
        """How many waiting jobs are due and come before `job`: the next free slots are theirs."""
        return max(0, min(self._rank[job.job_id], self._due) - self._first)

    def due_count(self) -> int:
        """How many waiting jobs are due."""
        return max(0, self._due - self._first)

    def in_turn(self) -> list[JobView]:
        """All that waits, in the order in which it should be asked: bypass, what is due, and then by deadline (by
        latest start where time is short)."""
        return self._order

    def must_start_s(self) -> float:
        """Until when nothing needs to start; infinite where nothing waits."""
        return self._now_s + self._least_from[self._first]

    def has_room_for(self, job: JobView) -> bool:
        """Whether `job` may take a free slot now without making another waiting job due."""
        rank: float = self._rank[job.job_id]
        work_s = self._work_s(job)
        if rank == self._first or self._delays_nobody(work_s):
            return True
        if rank >= self._refused[0] and work_s >= self._refused[1]:
            return False
        harmed = self._harmed_by(job)
        if harmed is not None and harmed < rank:  # then any longer job further back would harm it as well
            self._refused = rank, work_s
        return harmed is None

    def start(self, job: JobView) -> None:
        """`job` takes a free slot."""
        rank, work_s = self._rank[job.job_id], self._work_s(job)
        self._started.add(job.job_id)
        heapq.heapreplace(self._lanes, self._now_s + work_s)
        self._refused = NOTHING_REFUSED
        if rank == self._first:  # as it was laid out: nothing changes for the others
            self._first += 1
        elif self._delays_nobody(work_s):
            self._delay_s += work_s
        else:
            self._order = [other for other in self._order if other.job_id not in self._started]
            self._settle()

    def _settle(self) -> None:
        self._order, self._slacks = self._best_layout(self._order)
        self._rank = {job.job_id: rank for rank, job in enumerate(self._order)}
        least_from_the_back = accumulate(reversed(self._slacks), min, initial=math.inf)
        self._least_from = list(least_from_the_back)[::-1]
        self._due = sum(least <= self._early_s for least in self._least_from)  # the first so many: they only grow
        self._first = 0
        self._started: set[str] = set()
        self._delay_s = 0.0
        self._refused = NOTHING_REFUSED

    def _best_layout(self, jobs: list[JobView]) -> tuple[list[JobView], list[float]]:
        order = sorted(jobs, key=self._by_deadline)
        slacks = list(self._lay(order, self._lanes))
        least = min(slacks, default=math.inf)
        if least > self._early_s:
            return order, slacks
        other = sorted(jobs, key=self._by_latest_start)
        others = list(self._lay(other, self._lanes))
        return (other, others) if min(others) > least else (order, slacks)

    def _lay(self, order: Iterable[JobView], lanes: list[float]) -> Iterator[float]:
        """The slack of each job, each laid on the slot that is free first."""
        free = sorted(lanes)
        for job in order:
            _, work_s, deadline_s, _ = self._figures[job.job_id]
            end = free[0] + work_s
            heapq.heapreplace(free, end)
            yield deadline_s - end

    def _harmed_by(self, job: JobView) -> int | None:
        """The rank of the first job that is due, and was not, when `job` starts now."""
        lanes = sorted(self._lanes)
        lanes[0] = self._now_s + self._work_s(job)
        others = [other for other in self._order if other.job_id not in self._started and other.job_id != job.job_id]
        for other, slack in zip(others, self._lay(others, lanes), strict=False):
            if slack <= self._early_s and slack < self._slacks[self._rank[other.job_id]]:
                return self._rank[other.job_id]
        return None

    def _delays_nobody(self, work_s: float) -> bool:
        """Whether the slack of all is large enough: a start out of order delays each other by its work at most."""
        return self._least_from[self._first] - self._delay_s - work_s > self._early_s

    def _by_latest_start(self, job: JobView) -> Urgency:
        green, work_s, deadline_s, submitted_s = self._figures[job.job_id]
        return green, deadline_s - work_s, submitted_s, job.job_id

    def _by_deadline(self, job: JobView) -> Urgency:
        """Bypass first, for it starts as soon as it can; who came first where deadlines are equal."""
        green, _, deadline_s, submitted_s = self._figures[job.job_id]
        return green, deadline_s, submitted_s, job.job_id

    def _work_s(self, job: JobView) -> float:
        return job.left_s * self._margin
