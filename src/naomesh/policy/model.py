"""What the decision looks at, and what it answers. Powers in W, energies in Wh, durations in s, times aware UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Reading:
    """One reading of the production, as the source gave it: it may be absurd, and the decision checks it."""

    power_w: float
    time: datetime
    modelled: bool = False


@dataclass(frozen=True)
class Signals:
    """What is known of the sun now. `configured` is False where no source is set: then nothing can be green."""

    now: datetime
    production: Reading | None
    configured: bool = True
    problem: str = ""
    outlook: tuple[tuple[datetime, float], ...] = ()
    """Expected production: (time, W) in order of time; empty where the source knows none. For the sentence only."""


@dataclass(frozen=True)
class JobView:
    """One job as the decision sees it.

    `draw_w` is the expected draw on a node, `left_s` the expected time to its end. `since` is when it was last
    parked or last started (for the dwell times), None for a job that never ran.
    """

    job_id: str
    green: bool
    deadline: datetime
    draw_w: float
    left_s: float
    submitted: datetime
    since: datetime | None = None


@dataclass(frozen=True)
class Fleet:
    """The nodes and what is on them: `running` draw already, `granted` were let start and do not draw yet."""

    slots: int
    running: tuple[JobView, ...] = ()
    granted: tuple[JobView, ...] = ()
    waiting: tuple[JobView, ...] = ()
    """All that waits, for the guard, which plans over all jobs and nodes."""

    @property
    def free(self) -> int:
        """Slots on which a job could start now."""
        return max(0, self.slots - len(self.running) - len(self.granted))

    @property
    def draw_w(self) -> float:
        """What runs and what was granted, in W."""
        return sum(job.draw_w for job in (*self.running, *self.granted))


@dataclass(frozen=True)
class Rules:
    """The knobs of the policy; their defaults are what the documentation says."""

    minimum_production_w: float = 100.0
    start_fraction: float = 1.0
    pause_below_w: float = 0.0
    max_reading_age_s: float = 300.0
    max_clock_skew_s: float = 60.0
    absurd_power_w: float = 10_000_000.0
    night_offset_w: float = 50.0
    """Inverters read a little below zero at night: down to minus this many W is 0, anything lower is nonsense."""
    min_run_s: float = 300.0
    min_pause_s: float = 300.0
    min_left_s: float = 900.0
    min_slack_s: float = 3600.0
    """No pause when the deadline guard would end it sooner: a job that the guard started would stop and go."""
    guard_margin: float = 1.5
    guard_early_s: float = 600.0


@dataclass(frozen=True)
class Start:
    """Let it run."""

    reason: str
    forced: bool = False
    """True when the deadline guard says so, sun or not."""


@dataclass(frozen=True)
class Wait:
    """Leave it parked. `expected` is when it will probably start, None where nobody can know."""

    reason: str
    expected: datetime | None = None


@dataclass(frozen=True)
class Pause:
    """Park it at this step boundary, with its node released."""

    reason: str
    expected: datetime | None = None


@dataclass(frozen=True)
class Continue:
    """Go on with the next step."""

    reason: str = field(default="")


Decision = Start | Wait | Pause | Continue
