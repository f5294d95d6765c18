"""The demo's sun: two days that ship with the package."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from naomesh.cli import demo, sun
from naomesh.energy import build
from naomesh.energy.tracefile import read_trace
from naomesh.settings import EnergySettings, NodeSettings, PolicySettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def source(monkeypatch):
    """The energy source of the demo's Onion."""
    for name, value in demo.SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NAOMESH_ENERGY_TRACE", str(sun.TRACE))
    return build(EnergySettings(), began=NOW)


def test_the_file_is_what_the_generator_makes():
    """The shipped trace is the model's, to the watt (whichever pvlib is installed, to two)."""
    shipped = read_trace(sun.TRACE)
    made = sun.rows()
    assert list(shipped.times) == [time for time, _ in made]
    assert shipped.powers_w == pytest.approx([power_w for _, power_w in made], abs=2.5)


def test_one_sees_the_job_wait_and_start(source):
    """At the demo's start there is no sun; a job could start between 5 and 15 s later, and for 20 s at least."""
    need_w = max(NodeSettings().busy_w, PolicySettings().minimum_production_w)
    powers_w = [source.read(NOW + timedelta(seconds=second / 2)).power_w for second in range(120)]
    first = next(index for index, power_w in enumerate(powers_w) if power_w >= need_w)
    assert powers_w[0] < 1
    assert 10 <= first <= 30
    assert all(power_w >= need_w for power_w in powers_w[first : first + 40])


def test_the_day_passes_in_a_minute(source):
    """The demo's day takes a minute, and then comes again."""
    assert source.read(NOW + timedelta(seconds=60 * 2)).power_w == source.read(NOW).power_w


def test_the_demo_knows_when_to_expect_the_sun(source):
    """The first day of the trace is the outlook of the second."""
    source.read(NOW)
    assert max(power_w for _, power_w in source.outlook(NOW)) > 500
