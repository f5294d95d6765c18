"""The deadline guard: a plan that looks backwards from all deadlines over all slots.

Jobs are laid down from the last deadline to the first, each as late as its deadline and the slot that is free
longest allow (backward earliest-deadline-first), and each with a margin on its estimate. Where a job comes to lie is
its latest safe start. Guards that look at one job at a time miss deadlines as soon as several are due together.

Times are seconds since the epoch.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterable

from naomesh.policy.model import JobView, Rules


def urgency(job: JobView) -> tuple[float, float, str]:
    """The order in which jobs are served: nearest deadline first, then who came first."""
    return job.deadline.timestamp(), job.submitted.timestamp(), job.job_id


class Plan:
    """Where each waiting job lies at the latest, and how long a slot may be taken without pushing one of them.

    `waiting` are laid down; `taken` (running and granted) hold a slot from now to their expected end.
    """

    def __init__(
        self, now_s: float, slots: int, waiting: Iterable[JobView], taken: Iterable[JobView], rules: Rules
    ) -> None:
        self._now_s = now_s
        self._margin = rules.guard_margin
        self._early_s = rules.guard_early_s
        self._latest: dict[str, float] = {}
        self._slot_of: dict[str, int] = {}
        self._lanes: list[list[str]] = [[] for _ in range(max(1, slots))]  # last in time first
        self._lay(waiting)
        self._ends = sorted(self._end(job) for job in taken)
        self._limit: float | None = None

    def due_s(self, job: JobView) -> float:
        """When the guard starts `job`, sun or not: its latest safe start, a little early."""
        return self._latest[job.job_id] - self._early_s

    def due(self, job: JobView) -> bool:
        """Whether that time has come."""
        return self.due_s(job) <= self._now_s

    def has_room_for(self, job: JobView) -> bool:
        """Whether `job` may take a slot now without pushing another waiting job past its latest safe start."""
        end = self._end(job)
        if end <= self._longest():
            return True
        lane = self._lanes[self._slot_of[job.job_id]]
        if not lane or lane[-1] != job.job_id:
            return False
        lane.pop()
        roomy = end <= self._free_until()
        lane.append(job.job_id)
        return roomy

    def start(self, job: JobView) -> None:
        """Take `job` out of the plan: it holds a slot from now on."""
        self._lanes[self._slot_of[job.job_id]].remove(job.job_id)
        self._ends.insert(bisect_left(self._ends, self._end(job)), self._end(job))
        self._limit = None

    def room_s(self) -> float:
        """Until when a slot may be taken now; infinite where nothing that waits needs it."""
        return self._longest()

    def _lay(self, waiting: Iterable[JobView]) -> None:
        free = [(-math.inf, slot) for slot in range(len(self._lanes))]
        for job in sorted(waiting, key=urgency, reverse=True):
            until, slot = free[0]
            start = min(job.deadline.timestamp(), -until) - job.left_s * self._margin
            heapq.heapreplace(free, (-start, slot))
            self._latest[job.job_id] = start
            self._slot_of[job.job_id] = slot
            self._lanes[slot].append(job.job_id)

    def _end(self, job: JobView) -> float:
        return self._now_s + job.left_s * self._margin

    def _longest(self) -> float:
        if self._limit is None:
            self._limit = self._free_until()
        return self._limit

    def _free_until(self) -> float:
        """The end of the longest gap from now on that is left once every job that holds a slot has the tightest gap
        that fits it."""
        gaps = sorted(self._latest[lane[-1]] if lane else math.inf for lane in self._lanes)
        for end in reversed(self._ends):
            if not gaps:
                break
            gaps.pop(min(bisect_left(gaps, end), len(gaps) - 1))
        return gaps[-1] if gaps else -math.inf
