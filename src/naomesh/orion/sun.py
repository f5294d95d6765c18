"""Looking at the sun in the background, and writing down what was seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from naomesh.bootstrap import Onion, utc_now
from naomesh.energy.base import EnergySource
from naomesh.errors import StorageError
from naomesh.orion.situation import rules
from naomesh.policy.model import Reading, Signals
from naomesh.policy.readings import trusted
from naomesh.storage import site

log = logging.getLogger("naomesh.orion.sun")

UNCHANGED_KEPT = timedelta(seconds=10)
"""A reading that says the same as the one before is written down this often."""


@contextmanager
def watching(onion: Onion, source: EnergySource | None) -> Iterator[None]:
    """Sample a source for as long as the block lasts; None where none is set."""
    from naomesh.energy.sampler import Sampler

    if source is None:
        _Diary(onion, site.NO_SOURCE, tuple).write(None, "")
        yield
        return
    diary = _Diary(onion, source.name, lambda: sampler.signals().outlook)
    sampler = Sampler(source, timeout_s=onion.settings.energy.timeout_s, on_sample=diary.write)
    sampler.start()
    try:
        yield
    finally:
        sampler.stop()


class _Diary:
    """Writes samples to the database: each change at once, the unchanged every ten seconds."""

    def __init__(self, onion: Onion, source: str, outlook: Callable[[], Sequence[tuple[datetime, float]]]) -> None:
        self._outlook = outlook
        self._onion = onion
        self._source = source
        self._rules = rules(onion.settings.policy)
        self._last: tuple[object, str] | None = None
        self._last_at = datetime.min.replace(tzinfo=utc_now().tzinfo)

    def write(self, reading: Reading | None, problem: str) -> None:
        """One sample, or the reason why there is none."""
        now = utc_now()
        told = (reading.power_w if reading else None, problem)
        if told == self._last and now - self._last_at < UNCHANGED_KEPT:
            return
        watts, _why = trusted(Signals(now=now, production=reading, problem=problem), self._rules)
        try:
            with self._onion.database.write() as connection:
                site.note_reading(
                    connection,
                    now=now,
                    source=self._source,
                    reading=reading,
                    trusted_w=watts or 0.0,
                    problem=problem,
                    outlook=self._outlook() if reading else (),
                )
        except StorageError as error:
            log.warning("a reading was not written down: %s", error)
            return
        self._last, self._last_at = told, now
