"""Who used what: the energy of every use of a node, and how much of it was sun. Pure functions, powers in W.

The sun is shared fairly: at any moment every use that runs gets the same share of its draw from the sun, so that the
solar energy of all uses together never exceeds the production.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate, pairwise
from typing import NamedTuple

S_PER_H = 3600.0


class Use(NamedTuple):
    """A node's use from `start` to `end` (aware UTC) with a constant draw in W. Measured power: one Use per sample."""

    start: datetime
    end: datetime
    draw_w: float


class Split(NamedTuple):
    """Energy in Wh; `solar_wh + grid_wh == energy_wh`, none of them negative."""

    energy_wh: float
    solar_wh: float
    grid_wh: float


def split(production: Iterable[tuple[datetime, float]], uses: Sequence[Use], max_age_s: float = 300.0) -> list[Split]:
    """The energy of each use, in the order of `uses`, as sun and grid.

    `production` holds samples (aware UTC, W) in any order; each holds until the next, but for no longer than
    `max_age_s`: after that, and before the first one, there is no sun. A sample that is negative or not finite is no
    sun; of two samples at one time the last counts.

    :raises ValueError: a draw is negative or not finite.
    """
    for use in uses:
        if not (math.isfinite(use.draw_w) and use.draw_w >= 0):
            raise ValueError(f"a draw of {use.draw_w} W from {use.start} to {use.end}; it must be 0 or more")
    spans = [(use.start.timestamp(), max(use.start, use.end).timestamp(), use.draw_w) for use in uses]
    sun = _sun_steps(production, max_age_s)
    covered = _Covered(sun, _draw_steps(spans))
    return [_account(draw_w, end - start, covered.between(start, end)) for start, end, draw_w in spans]


def modelled_power_w(idle_w: float, busy_w: float, cpu_s: float, wall_s: float, cores: int) -> float:
    """The mean draw of a node over a step, in W: idle plus the rest in proportion to the use of its cores.

    The usual linear model of a server's power (Fan, Weber, Barroso: Power provisioning for a warehouse-sized
    computer, ISCA 2007), with `cpu_s` of `wall_s * cores` used, at most all of them.
    """
    if wall_s <= 0 or cores < 1:
        return idle_w
    use = min(1.0, max(0.0, cpu_s) / (wall_s * cores))
    return idle_w + (busy_w - idle_w) * use


class _Covered:
    """The seconds for which the sun covered the draw, as an integral over time: the share counts for its part."""

    def __init__(self, sun: list[tuple[float, float]], draw: list[tuple[float, float]]) -> None:
        self._times = sorted({time for time, _ in (*sun, *draw)})
        self._shares = [_share(_at(sun, time), _at(draw, time)) for time in self._times]
        lengths = [later - earlier for earlier, later in pairwise(self._times)]
        self._sums = [0.0, *accumulate(length * share for length, share in zip(lengths, self._shares, strict=False))]

    def between(self, start: float, end: float) -> float:
        """Between the ends of a use that was counted; a use without length was not."""
        if end <= start:
            return 0.0
        return self._until(end) - self._until(start)

    def _until(self, time: float) -> float:
        index = bisect_right(self._times, time) - 1
        return self._sums[index] + (time - self._times[index]) * self._shares[index]


def _account(draw_w: float, length_s: float, covered_s: float) -> Split:
    energy_wh = draw_w * length_s / S_PER_H
    solar_wh = min(energy_wh, max(0.0, draw_w * covered_s / S_PER_H))
    return Split(energy_wh, solar_wh, energy_wh - solar_wh)


def _share(sun_w: float, draw_w: float) -> float:
    return min(1.0, sun_w / draw_w) if draw_w > 0 else 0.0


def _at(steps: list[tuple[float, float]], time: float) -> float:
    """The value of a step function, 0 before its first step."""
    index = bisect_right(steps, (time, math.inf)) - 1
    return steps[index][1] if index >= 0 else 0.0


def _sun_steps(production: Iterable[tuple[datetime, float]], max_age_s: float) -> list[tuple[float, float]]:
    samples = sorted({time.timestamp(): power_w for time, power_w in production}.items())
    ends = [start for start, _ in samples[1:]] + [math.inf]
    steps: list[tuple[float, float]] = []
    for (start, power_w), end in zip(samples, ends, strict=False):
        steps.append((start, power_w if math.isfinite(power_w) and power_w > 0 else 0.0))
        if start + max_age_s < end:
            steps.append((start + max_age_s, 0.0))
    return steps


def _draw_steps(spans: Iterable[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """The draw of all uses together, exact to rounding: never below that of the uses that run."""
    changes: dict[float, float] = {}
    for start, end, draw_w in spans:
        if end > start:
            changes[start] = changes.get(start, 0.0) + draw_w
            changes[end] = changes.get(end, 0.0) - draw_w
    times = sorted(changes)
    return list(zip(times, accumulate(changes[time] for time in times), strict=True))
