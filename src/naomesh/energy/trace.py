"""The source `trace`: a recorded production, replayed at any speed.

The replay stands for the meter: it gives the row that holds at the replayed moment. (A simulation, which knows a row's
mean before its interval has ended, must hide the running interval from the policy; a meter has no such knowledge.)
Only the production is replayed fast: the clock, durations and deadlines of the jobs stay real.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path

from naomesh.energy.base import EnergySource
from naomesh.energy.tracefile import Trace, parse_time, read_trace
from naomesh.errors import EnergyError
from naomesh.policy.model import Reading

DAY = timedelta(days=1)
OUTLOOK_POINTS = 288
"""At most one point for five minutes of the trace."""


class TraceSource(EnergySource):
    """Replays `trace` from `start` on, `speed` seconds of it in one real second.

    The replay begins at `began` (aware UTC), or when it is first asked. The last row holds as long as the one
    before it; then the trace is silent, or starts again with `loop`. No meter says what the panels give now:
    readings are `modelled`.
    """

    name = "trace"
    modelled = True

    def __init__(
        self,
        trace: Trace,
        *,
        speed: float = 1.0,
        start: datetime | None = None,
        loop: bool = False,
        began: datetime | None = None,
    ) -> None:
        self._trace = trace
        self._speed = speed
        self._start = start or trace.times[0]
        self._loop = loop
        self._began = began
        step_s = trace.step.total_seconds() if trace.step else 10.0
        self.interval_s = min(10.0, max(0.25, step_s / speed))

    @classmethod
    def from_file(
        cls, path: Path, *, speed: float = 1.0, start: str = "", loop: bool = False, began: datetime | None = None
    ) -> TraceSource:
        """Read the file and check that `start` (ISO 8601, empty: its first row) lies in it.

        :raises EnergyError: `trace-start`, or what `read_trace` raises.
        """
        trace = read_trace(path)
        begin = parse_time(start) if start else trace.times[0]
        if begin is None or not trace.times[0] <= begin < (trace.end or begin + DAY):
            raise EnergyError(
                f"the replay cannot start at {start!r}: {path} runs from {trace.times[0].isoformat()} "
                f"to {trace.times[-1].isoformat()}.",
                mend="Set NAOMESH_ENERGY_TRACE_START to an ISO 8601 time with zone between them.",
                code="trace-start",
            )
        return cls(trace, speed=speed, start=begin, loop=loop, began=began)

    def read(self, now: datetime) -> Reading:
        """The row that holds at the replayed moment; the reading is of `now`."""
        moment = self._moment(now)
        power_w = self._power_w(moment)
        if power_w is None:
            raise EnergyError(f"the trace has ended at {moment.isoformat()}", code="source-silent")
        return Reading(power_w, now, modelled=True)

    def outlook(self, now: datetime) -> list[tuple[datetime, float]]:
        """By persistence: the same moment of the day before in the trace; in real time, so squeezed by the speed.
        Empty where the trace has no day before."""
        moment = self._moment(now)
        step = max(self._trace.step or DAY, DAY / OUTLOOK_POINTS)
        points = []
        ahead = timedelta(0)
        while ahead < DAY:
            power_w = self._power_w(moment + ahead - DAY)
            if power_w is not None:
                points.append((now + ahead / self._speed, power_w))
            ahead += step
        return points

    def _moment(self, now: datetime) -> datetime:
        """The moment of the trace that is replayed at `now`, not yet wrapped."""
        if self._began is None:
            self._began = now
        return self._start + (now - self._began) * self._speed

    def _power_w(self, moment: datetime) -> float | None:
        first, end = self._trace.times[0], self._trace.end
        if end is not None and self._loop:
            moment = first + (moment - first) % (end - first)
        if moment < first or (end is not None and moment >= end):
            return None
        return self._trace.powers_w[bisect_right(self._trace.times, moment.astimezone(UTC)) - 1]
