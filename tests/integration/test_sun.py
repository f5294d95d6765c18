"""From a source that misbehaves to the sentence that a person reads: the job waits, and the reason says why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import a_request, add

from naomesh.bootstrap import Onion, utc_now
from naomesh.orion import sun
from naomesh.orion.gate import Gate
from naomesh.policy.model import Rules, Start, Wait
from naomesh.storage import site
from naomesh.testing.energy import FakeSource


@pytest.fixture
def onion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Onion]:
    """An Onion with one waiting job and one free slot."""
    monkeypatch.setenv("NAOMESH_ENERGY_TIMEOUT_S", "0.3")
    made = Onion.at(tmp_path)
    made.open()
    with made.database.write() as connection:
        add(connection, a_request(deadline=utc_now().replace(year=utc_now().year + 1)), now=utc_now())
        site.see_worker(connection, "w", slots=1, node="n", now=utc_now())
    yield made
    made.database.close()


def answer(onion: Onion, until: Callable[[Start | Wait], bool]) -> Start | Wait:
    """What the gate says as soon as it says what is waited for (or after ten seconds, whatever it is)."""
    gate = Gate(onion.database, Rules(), utc_now)
    deadline = time.monotonic() + 10
    while True:
        found = gate.ask_start("run-7")
        assert found is not None
        if until(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("misbehave", "word"),
    [
        (FakeSource.hang, "not answered"),
        (FakeSource.answer_html, "a web page"),
        (FakeSource.date_tomorrow, "future"),
        (FakeSource.give_nan, "not a finite number"),
        (lambda source: source.shine(-500.0), "-500 W cannot be"),
        (lambda source: source.shine(1e9), "absurd"),
        (lambda source: source.fail(RuntimeError("wires burnt")), "wires burnt"),
    ],
    ids=["hangs", "answers-html", "tomorrow", "nan", "negative", "absurd", "raises"],
)
def test_a_source_in_doubt_is_no_sun_and_the_reason_says_so(
    onion: Onion, misbehave: Callable[[FakeSource], None], word: str
) -> None:
    """A job waits when its sun cannot be trusted, and its owner reads what is wrong with the source."""
    source = FakeSource(4000.0)
    misbehave(source)
    with sun.watching(onion, source):
        found = answer(onion, lambda found: word in found.reason)
        source.release()
    assert isinstance(found, Wait)
    assert word in found.reason
    assert "\n" not in found.reason


def test_a_source_that_recovers_starts_the_job(onion: Onion) -> None:
    """The moment the source can be trusted again, its sun counts."""
    source = FakeSource(4000.0)
    source.answer_html()
    with sun.watching(onion, source):
        answer(onion, lambda found: "web page" in found.reason)
        source.shine(4000.0)
        assert isinstance(answer(onion, lambda found: isinstance(found, Start)), Start)


def test_without_a_source_nothing_is_green_and_all_starts(onion: Onion) -> None:
    """Where nobody told the Onion of a sun, it does not wait for one."""
    with sun.watching(onion, None):
        found = answer(onion, lambda found: isinstance(found, Start))
    assert isinstance(found, Start)
    assert "nothing can be green" in found.reason
