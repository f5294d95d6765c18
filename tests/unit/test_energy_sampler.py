"""The sampler lives with whatever a source does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from naomesh.energy.sampler import Sampler
from naomesh.errors import EnergyError
from naomesh.policy.decide import decide
from naomesh.policy.model import Fleet, JobView, Reading, Rules, Wait
from naomesh.testing.energy import FakeSource

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """The time, aware UTC."""
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.seconds


@pytest.fixture
def source() -> Iterator[FakeSource]:
    """A source that shines with 500 W; whoever still waits for it is let go in the end."""
    fake = FakeSource(500.0)
    yield fake
    fake.release()


@pytest.fixture
def clock() -> Clock:
    """Noon."""
    return Clock()


def sampler(source: FakeSource, clock: Clock, **more: object) -> Sampler:
    """A sampler that waits 20 ms of real time for an answer, on the fake clock."""
    return Sampler(source, timeout_s=0.02, clock=clock.now, monotonic=clock.monotonic, **more)  # type: ignore[arg-type]


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most five seconds."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        threading.Event().wait(0.005)


def patiently(watch: Sampler) -> None:
    """One round of a source that answers, however busy the machine is."""
    watch.sample()
    while watch.problem.startswith("the source has not answered"):
        watch.sample()


def why(sampler: Sampler) -> str:
    """What a job that waits is told."""
    now = sampler.signals().now
    job = JobView("a", True, now + timedelta(days=1), 117.0, 600.0, now)
    decision = decide(sampler.signals(), Fleet(1), job, Rules())
    assert isinstance(decision, Wait)
    return decision.reason


def test_a_good_reading_is_kept_with_its_age(source: FakeSource, clock: Clock) -> None:
    """After a round the last reading, its age, the outlook and no problem are there, without asking the source."""
    watch = sampler(source, clock)
    assert watch.age_s() is None
    nothing = "no sun to rely on: the energy source has given no reading yet"
    assert why(watch) == f"{nothing}; its deadline starts it about tomorrow 11:35 UTC"

    patiently(watch)
    clock.seconds = 7

    assert watch.last == Reading(500.0, NOON)
    assert watch.age_s() == 7
    assert watch.problem == ""
    assert watch.signals().outlook == ((NOON, 500.0),)


NONSENSE: dict[str, tuple[Callable[[FakeSource], None], str]] = {
    "a web page": (FakeSource.answer_html, "the source answered a web page, and not figures"),
    "tomorrow's time": (FakeSource.date_tomorrow, "the reading is dated 24 h 00 min in the future"),
    "NaN": (FakeSource.give_nan, "the reading is not a finite number"),
    "an error": (lambda fake: fake.fail(OSError("no\nroute")), "the source failed: OSError: no route"),
    "an error of its own": (lambda fake: fake.fail(ZeroDivisionError()), "the source failed: ZeroDivisionError:"),
    "an exit": (lambda fake: fake.fail(SystemExit(3)), "the source failed: SystemExit: 3"),
    "10 MW": (lambda fake: fake.shine(1e7), "a production of 10,000.0 kW is absurd"),
    "minus 300 W": (lambda fake: fake.shine(-300), "a production of -300 W cannot be"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_a_problem_in_words(source: FakeSource, clock: Clock, name: str) -> None:
    """Whatever a source raises or answers, the sampler goes on, and a waiting job is told what is wrong."""
    misbehave, words = NONSENSE[name]
    misbehave(source)
    watch = sampler(source, clock)

    until(lambda: watch.sample() or words == watch.problem)

    assert watch.last is None
    assert why(watch).startswith(f"no sun to rely on: {words}")
    source.shine(500)
    until(lambda: watch.sample() or not watch.problem)
    assert watch.last is not None


def test_an_answer_that_is_no_reading_is_a_problem(clock: Clock) -> None:
    """A source that answers a bare number is told so."""

    class Bare(FakeSource):
        def read(self, _: datetime) -> Reading:
            return 500.0  # type: ignore[return-value]

    watch = sampler(Bare(), clock)

    until(lambda: watch.sample() or "float" in watch.problem)

    assert watch.problem == "the source answered float, and not a reading"


def test_a_source_that_hangs_blocks_nobody(source: FakeSource, clock: Clock) -> None:
    """A read that hangs is told with its time, costs one thread however often it is looked at, and its late answer
    ends the trouble."""
    source.hang()
    watch = sampler(source, clock)

    for clock.seconds in (0, 12, 400):
        watch.sample()
        assert watch.signals().production is None

    assert watch.problem == "the source has not answered for 7 min"
    until(lambda: source.reads > 0)
    assert source.reads == 1
    source.release()
    until(lambda: watch.sample() or not watch.problem)
    assert watch.last is not None


def test_the_time_of_silence_is_told_in_seconds(source: FakeSource, clock: Clock) -> None:
    """Twelve seconds without an answer are said so, to the waiting job as well."""
    source.hang()
    watch = sampler(source, clock)
    watch.sample()
    clock.seconds = 12
    watch.sample()

    assert why(watch).startswith("no sun to rely on: the source has not answered for 12 s; its deadline")


def test_the_last_good_reading_outlives_a_failure_until_it_is_too_old(source: FakeSource, clock: Clock) -> None:
    """One failed round changes nothing but the problem; five minutes of them do, and the reason says both."""
    watch = sampler(source, clock)
    patiently(watch)
    source.answer_html()
    clock.seconds = 10
    until(lambda: watch.sample() or "web page" in watch.problem)

    assert watch.last == Reading(500.0, NOON)
    clock.seconds = 400
    assert "the last reading is 7 min old; the source answered a web page" in why(watch)


def test_an_outlook_that_fails_is_a_problem_too(clock: Clock) -> None:
    """An error of the outlook is told like one of the reading."""

    class Blind(FakeSource):
        def outlook(self, _: datetime) -> list[tuple[datetime, float]]:
            raise EnergyError("no forecast", code="source-nonsense")

    watch = sampler(Blind(500.0), clock)

    until(lambda: watch.sample() or watch.problem == "no forecast")


def test_each_change_is_told_once(source: FakeSource, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A hundred failures of one kind are one line in the log, the return another."""
    caplog.set_level(logging.INFO, logger="naomesh.energy.sampler")
    watch = sampler(source, clock)
    patiently(watch)
    caplog.clear()

    source.answer_html()
    for clock.seconds in range(100):
        patiently(watch)
    source.shine(500)
    until(lambda: watch.sample() or not watch.problem)

    lines = [record.getMessage() for record in caplog.records if "not answered" not in record.getMessage()]
    assert lines[0] == "energy source fake: the source answered a web page, and not figures"
    assert lines[-1] == "energy source fake answers again"
    assert len(lines) == 2


def test_every_round_is_reported(source: FakeSource, clock: Clock) -> None:
    """The callback gets the last good reading and the problem of the round."""
    told: list[tuple[Reading | None, str]] = []
    watch = sampler(source, clock, on_sample=lambda reading, problem: told.append((reading, problem)))

    patiently(watch)
    source.give_nan()
    until(lambda: watch.sample() or "finite" in watch.problem)

    assert (Reading(500.0, NOON), "") in told
    assert told[-1] == (Reading(500.0, NOON), "the reading is not a finite number")


def test_it_samples_in_the_background_until_it_is_stopped() -> None:
    """Started, it asks again and again by itself; stopped, no more, also when the source hangs at that moment."""
    source = FakeSource(500.0)
    watch = Sampler(source, timeout_s=5)
    watch.start()
    watch.start()
    until(lambda: source.reads >= 3)
    source.hang()
    reads = source.reads
    until(lambda: source.reads > reads)

    began = time.monotonic()
    watch.stop()

    assert time.monotonic() - began < 3
    assert watch.last is not None
    source.release()


def test_a_callback_that_fails_does_not_end_the_sampling(caplog: pytest.LogCaptureFixture) -> None:
    """A database that is away for a moment must not make the Onion blind for ever."""
    source = FakeSource(500.0)

    def refuse(_: Reading | None, __: str) -> None:
        raise OSError("disk full")

    watch = Sampler(source, timeout_s=5, on_sample=refuse)
    watch.start()
    until(lambda: source.reads >= 3)
    watch.stop()

    assert "the energy sampler stumbled, and goes on" in caplog.text
