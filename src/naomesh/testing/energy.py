"""An energy source that does as it is told: sun, cloud, and everything that a source can do wrong."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from naomesh.energy.base import EnergySource
from naomesh.errors import EnergyError
from naomesh.policy.model import Reading

Behaviour = Callable[[datetime], Reading]


class FakeSource(EnergySource):
    """Gives `power_w` until it is told otherwise. `hang` blocks every read until `release`."""

    name = "fake"
    interval_s = 0.05

    def __init__(self, power_w: float = 0.0) -> None:
        self.power_w = power_w
        self.reads = 0
        self._behaviour: Behaviour = self._sun
        self._gate = threading.Event()
        self._gate.set()

    def read(self, now: datetime) -> Reading:
        """What it was told to do."""
        self.reads += 1
        self._gate.wait()
        return self._behaviour(now)

    def outlook(self, now: datetime) -> list[tuple[datetime, float]]:
        """The sun stays as it is."""
        return [(now, self.power_w)]

    def shine(self, power_w: float) -> None:
        """Give `power_w` W, with the right time."""
        self.power_w = power_w
        self._behaviour = self._sun
        self._gate.set()

    def hang(self) -> None:
        """Answer no more."""
        self._gate.clear()

    def release(self) -> None:
        """Answer those who wait, and go on."""
        self._gate.set()

    def fail(self, error: BaseException) -> None:
        """Raise `error` at each read."""

        def behave(_: datetime) -> Reading:
            raise error

        self._behaviour = behave

    def answer_html(self) -> None:
        """What a source that asks over HTTP raises when a login page comes instead of figures."""
        self.fail(EnergyError("the source answered a web page, and not figures", code="source-nonsense"))

    def date_tomorrow(self) -> None:
        """Readings with tomorrow's time."""
        self._behaviour = lambda now: Reading(self.power_w, now + timedelta(days=1))

    def give_nan(self) -> None:
        """Readings that are no number."""
        self._behaviour = lambda now: Reading(math.nan, now)

    def _sun(self, now: datetime) -> Reading:
        return Reading(self.power_w, now)
