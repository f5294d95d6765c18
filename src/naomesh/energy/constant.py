"""The source `constant`: the same power, day and night."""

from __future__ import annotations

from datetime import datetime, timedelta

from naomesh.energy.base import EnergySource
from naomesh.policy.model import Reading


class ConstantSource(EnergySource):
    """Always `power_w`. It comes from no meter."""

    name = "constant"
    modelled = True

    def __init__(self, power_w: float) -> None:
        self._power_w = power_w

    def read(self, now: datetime) -> Reading:
        """The power that was set."""
        return Reading(self._power_w, now, modelled=True)

    def outlook(self, now: datetime) -> list[tuple[datetime, float]]:
        """It stays as it is."""
        return [(now, self._power_w), (now + timedelta(days=1), self._power_w)]
