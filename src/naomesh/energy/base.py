"""A source of production: one small class that says how many watts the panels give now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from naomesh.policy.model import Reading


class EnergySource(ABC):
    """Chosen by name in the settings (`naomesh.energy.build`). `read` is called in the background, never by the
    decision; it may block, hang or raise: the sampler lives with it."""

    name: str
    modelled: bool = False
    """True when the watts come from a model and not from a meter."""
    interval_s: float = 10.0
    """How often it is worth asking, in real seconds."""

    @abstractmethod
    def read(self, now: datetime) -> Reading:
        """The production at `now` (aware UTC), in W.

        :raises EnergyError: the source cannot say (`source-silent`, `source-nonsense`).
        """

    def outlook(self, now: datetime) -> list[tuple[datetime, float]]:  # noqa: ARG002 - for those who know more
        """Expected production of the next 24 h or so: (aware UTC, W) in order of time; empty where it knows none.
        It is for the sentence "expected to start at ..." alone; the decision never sees it."""
        return []
