"""The gate: what the policy grants is booked in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from databases import NOON, a_request, add

from naomesh.errors import IllegalMove
from naomesh.jobs.request import Energy
from naomesh.jobs.states import JobState
from naomesh.orion.gate import Gate
from naomesh.policy.model import Continue, Pause, Reading, Rules, Start, Wait
from naomesh.storage import jobs, site
from naomesh.storage.database import Database

SEVEN = 750.0
"""W of sun: enough for seven jobs of 100 W."""


class Site:
    """A database, its gate, and a clock that stands still."""

    def __init__(self, path: Path) -> None:
        self.database = Database(f"sqlite:///{path}")
        self.database.migrate()
        self.now = NOON
        self.gate = Gate(self.database, Rules(), self.clock)
        with self.database.write() as connection:
            site.see_worker(connection, "w", slots=500, node="n", now=NOON)

    def clock(self) -> datetime:
        """What time it is."""
        return self.now

    def shine(self, power_w: float) -> None:
        """The panels give so much."""
        with self.database.write() as connection:
            reading = Reading(power_w, self.now)
            site.note_reading(connection, now=self.now, source="s", reading=reading, trusted_w=power_w)

    def add(self, count: int, **what: Energy) -> list[str]:
        """So many jobs; their flow runs."""
        with self.database.write() as connection:
            found = [add(connection, a_request(f"j{number}", **what)) for number in range(count)]
        return [job.flow_run_id for job in found if job.flow_run_id]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """A site at noon, without sun."""
    made = Site(tmp_path / "naomesh.db")
    yield made
    made.database.close()


def test_two_hundred_that_ask_at_the_same_moment_are_seven_starts(here: Site) -> None:
    """A grant takes its draw out of the surplus at once: sun for seven starts seven, whoever asks with whom."""
    runs = here.add(200)
    here.shine(SEVEN)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(here.gate.ask_start, runs))
    assert sum(isinstance(answer, Start) for answer in answers) == 7
    with here.database.read() as connection:
        assert jobs.counts(connection) == {JobState.GRANTED: 7, JobState.WAITING: 193}


def test_the_keeper_wakes_as_many_as_the_gate_will_grant(here: Site) -> None:
    """Nothing is woken in vain, and nothing that could run is left asleep."""
    here.add(30)
    here.shine(SEVEN)
    woken = here.gate.choose()
    assert len(woken) == 7
    assert all(isinstance(here.gate.ask_start(run), Start) for run, _reason in woken)
    assert here.gate.choose() == []


def test_without_sun_a_green_job_waits_and_a_bypass_job_starts(here: Site) -> None:
    """The politic decides whether the sun is asked."""
    here.shine(0.0)
    (green,) = here.add(1)
    assert isinstance(here.gate.ask_start(green), Wait)
    with here.database.write() as connection:
        jobs.change(connection, "j0", energy="bypass")
    assert isinstance(here.gate.ask_start(green), Start)


def test_asking_again_grants_once(here: Site) -> None:
    """A worker whose answer was lost asks again, and takes nothing twice."""
    run, *_others = here.add(8)
    here.shine(SEVEN)
    for _ in range(3):
        assert isinstance(here.gate.ask_start(run), Start)
    assert len(here.gate.choose()) == 6


def test_a_run_that_is_not_ours_passes(here: Site) -> None:
    """Other flows on the same Orion are none of our business."""
    assert here.gate.ask_start("0") is None
    assert here.gate.ask_boundary("0") is None
    assert here.gate.still_granted("0") is None


def test_a_job_that_ended_does_not_start(here: Site) -> None:
    """A run that was woken and cancelled at the same moment stays cancelled."""
    (run,) = here.add(1)
    here.shine(SEVEN)
    here.gate.cancel(run)
    with pytest.raises(IllegalMove):
        here.gate.ask_start(run)


def test_a_job_that_somebody_holds_waits(here: Site) -> None:
    """What a person paused by hand waits for that person."""
    (run,) = here.add(1)
    here.shine(SEVEN)
    here.gate.hold(run, held=True)
    assert isinstance(here.gate.ask_start(run), Wait)
    assert here.gate.choose() == []
    here.gate.hold(run, held=False)
    assert isinstance(here.gate.ask_start(run), Start)


def test_at_a_boundary_the_sun_decides(here: Site) -> None:
    """With sun a running job goes on; without it pauses, once it has run for its dwell time."""
    (run,) = here.add(1)
    here.shine(SEVEN)
    here.gate.ask_start(run)
    with here.database.write() as connection:
        jobs.move(connection, "j0", JobState.RUNNING, now=NOON, started_at=NOON, left_s=3600.0)
    here.now = NOON + timedelta(minutes=10)
    here.shine(SEVEN)
    assert isinstance(here.gate.ask_boundary(run), Continue)
    here.shine(0.0)
    assert isinstance(here.gate.ask_boundary(run), Pause)


def test_an_old_reading_is_no_sun(here: Site) -> None:
    """When nobody has looked at the sun for long, it is dark."""
    (run,) = here.add(1)
    here.shine(SEVEN)
    here.now = NOON + timedelta(hours=1)
    with here.database.write() as connection:
        site.see_worker(connection, "w", slots=500, node="n", now=here.now)
    answer = here.gate.ask_start(run)
    assert isinstance(answer, Wait)
    assert "no sun to rely on" in answer.reason
