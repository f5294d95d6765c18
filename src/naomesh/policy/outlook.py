"""When a waiting job will probably start. For the sentence alone: no decision is made from an outlook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from naomesh.policy.model import Fleet, Signals


class Outlook:
    """The expected production less the draw of what will still run then."""

    def __init__(self, signals: Signals, fleet: Fleet) -> None:
        self._now_s = signals.now.timestamp()
        self._ends = sorted((self._now_s + job.left_s, job.draw_w) for job in (*fleet.running, *fleet.granted))
        self._slots = fleet.slots
        self._rows = self._net(signals.outlook)

    def covers_s(self, need_w: float, minimum_w: float, after_s: float) -> float | None:
        """The first moment after `after_s` (and after now, whose sun is known) with `need_w` to spare; None where
        the outlook shows none. Seconds since the epoch."""
        for start, end, power_w, spare_w in self._rows:
            if end <= after_s or (start <= self._now_s and after_s <= self._now_s):
                continue
            if power_w >= minimum_w and spare_w >= need_w:
                return max(start, after_s)
        return None

    def slot_s(self) -> float | None:
        """When the first slot will be free; None where there is no slot at all."""
        if self._slots < 1:
            return None
        if len(self._ends) < self._slots:
            return self._now_s
        return max(self._now_s, self._ends[len(self._ends) - self._slots][0])

    def _net(self, points: Sequence[tuple[datetime, float]]) -> list[tuple[float, float, float, float]]:
        """(start, end, W, W to spare) of each point, which holds until the next."""
        rows = [(time.timestamp(), power_w) for time, power_w in points if math.isfinite(power_w)]
        ends = [start for start, _ in rows[1:]] + [math.inf]
        return [
            (start, end, power_w, power_w - self._draw_w(start))
            for (start, power_w), end in zip(rows, ends, strict=False)  # one end too many where there are no rows
        ]

    def _draw_w(self, when_s: float) -> float:
        return sum(draw_w for end, draw_w in self._ends if end > when_s)
