"""The background sampler: asks the source again and again, and lives with whatever it does.

A source may hang, raise, or answer nonsense. Each read runs in a daemon thread of its own, at most one at a time: a
read that hangs costs that one thread, and the sampler goes on telling how long it has been silent. Nobody who asks
the sampler ever waits.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from naomesh.energy.base import EnergySource
from naomesh.errors import NaomeshError
from naomesh.policy import words
from naomesh.policy.model import Reading, Rules, Signals
from naomesh.policy.readings import trusted

log = logging.getLogger(__name__)

OnSample = Callable[[Reading | None, str], None]
Points = tuple[tuple[datetime, float], ...]


class Sampler:
    """Asks `source` each `interval_s` (the source's own when None), waiting at most `timeout_s` for an answer.

    `on_sample` gets, after each round, the last good reading (None while there was none; its age is the policy's
    business, so that one failed round changes nothing) and the round's problem, empty when there was none. The clocks
    can be replaced: `clock` gives aware UTC, `monotonic` seconds.
    """

    def __init__(
        self,
        source: EnergySource,
        *,
        timeout_s: float = 5.0,
        interval_s: float | None = None,
        rules: Rules | None = None,
        on_sample: OnSample | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self._timeout_s = timeout_s
        self._interval_s = source.interval_s if interval_s is None else interval_s
        self._rules = rules or Rules()
        self._on_sample = on_sample
        self._clock = clock
        self._monotonic = monotonic
        self._read: _Read | None = None
        self._last: Reading | None = None
        self._outlook: Points = ()
        self._problem = "the energy source has given no reading yet"
        self._logged = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def last(self) -> Reading | None:
        """The last good reading, however old; the policy looks at its age."""
        return self._last

    @property
    def problem(self) -> str:
        """What is wrong with the source now, in words; empty when nothing is."""
        return self._problem

    @property
    def outlook(self) -> Points:
        """What the source expected when it last answered."""
        return self._outlook

    def age_s(self) -> float | None:
        """The age of the last good reading, in s; None where there is none."""
        return None if self._last is None else (self._clock() - self._last.time).total_seconds()

    def signals(self) -> Signals:
        """What the decision looks at, now; never waits."""
        return Signals(self._clock(), self._last, problem=self._problem, outlook=self._outlook)

    def start(self) -> None:
        """Sample in the background until `stop`."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="energy-sampler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the sampling, at once. A read that hangs is left behind: its thread ends with the process."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)
            self._thread = None

    def sample(self) -> None:
        """One round: ask, wait at most `timeout_s`, note what came of it."""
        read = self._read
        if read is None:
            read = self._read = _Read(self.source, self._clock(), self._monotonic())
        read.done.wait(self._timeout_s)
        if not read.done.is_set():
            silent_s = max(self._timeout_s, self._monotonic() - read.began_s)
            self._note(None, f"the source has not answered for {words.span(silent_s)}", kind="hangs")
            return
        self._read = None
        reading, problem = self._judge(read)
        if reading is not None:
            self._outlook = read.outlook
        self._note(reading, problem, kind=read.trouble or re.sub(r"[\d.]+", "", problem))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.sample()
            except Exception:
                log.exception("the energy sampler stumbled, and goes on")
            late = self._read is not None  # its answer is worth more than the pause
            self._stop.wait(min(self._interval_s, 0.5) if late else self._interval_s)

    def _judge(self, read: _Read) -> tuple[Reading | None, str]:
        if read.error is not None:
            return None, _in_words(read.error)
        if not isinstance(read.answer, Reading):
            return None, f"the source answered {type(read.answer).__name__}, and not a reading"
        power_w, reason = trusted(Signals(self._clock(), read.answer), self._rules)
        return (None, reason) if power_w is None else (read.answer, "")

    def _note(self, reading: Reading | None, problem: str, kind: str) -> None:
        if reading is not None:
            self._last = reading
        self._problem = problem
        if kind != self._logged:
            if problem:
                log.warning("energy source %s: %s", self.source.name, problem)
            else:
                log.info("energy source %s answers again", self.source.name)
            self._logged = kind
        if self._on_sample is not None and not self._stop.is_set():
            self._on_sample(self._last, problem)


class _Read:
    """One question to the source, asked in a thread that may never come back."""

    def __init__(self, source: EnergySource, now: datetime, began_s: float) -> None:
        self.began_s = began_s
        self.answer: object = None
        self.outlook: Points = ()
        self.error: BaseException | None = None
        self.done = threading.Event()
        self._source = source
        self._now = now
        threading.Thread(target=self._ask, name="energy-read", daemon=True).start()

    @property
    def trouble(self) -> str:
        """Which kind of error, so that the log tells each once; empty where there was none."""
        if isinstance(self.error, NaomeshError):
            return self.error.code
        return type(self.error).__name__ if self.error else ""

    def _ask(self) -> None:
        try:
            self.answer = self._source.read(self._now)
            self.outlook = tuple(self._source.outlook(self._now))
        except BaseException as error:  # whatever a source raises, SystemExit too, is only its answer
            self.error = error
        finally:
            self.done.set()


def _in_words(error: BaseException) -> str:
    if isinstance(error, NaomeshError):
        return error.message
    return f"the source failed: {' '.join(f'{type(error).__name__}: {error}'.split())[:200]}"
