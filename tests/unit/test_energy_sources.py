"""The sources by name, and the simplest of them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from naomesh.energy import build
from naomesh.energy.clear_sky import ClearSkySource
from naomesh.energy.constant import ConstantSource
from naomesh.energy.trace import TraceSource
from naomesh.errors import EnergyError
from naomesh.policy.model import Reading
from naomesh.settings import EnergySettings

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_no_source_is_none() -> None:
    """Where no source is named there is none, and nothing can be green."""
    assert build(EnergySettings()) is None


def test_each_name_builds_its_source(tmp_path: Path) -> None:
    """The settings choose the source by its name."""
    csv = tmp_path / "sun.csv"
    csv.write_text("time,power_w\n2026-07-01T12:00:00Z,3100\n")

    sources = [build(EnergySettings(source=name, trace=csv)) for name in ("constant", "trace", "clear_sky")]

    assert [type(source) for source in sources] == [ConstantSource, TraceSource, ClearSkySource]
    assert [source.name for source in sources if source] == ["constant", "trace", "clear_sky"]


def test_a_trace_without_a_file_is_refused() -> None:
    """The error names the setting that is missing."""
    with pytest.raises(EnergyError, match="NAOMESH_ENERGY_TRACE") as caught:
        build(EnergySettings(source="trace"))

    assert caught.value.code == "trace-missing"


def test_the_trace_follows_the_settings(tmp_path: Path) -> None:
    """Speed, start and loop of the settings reach the replay."""
    csv = tmp_path / "sun.csv"
    csv.write_text("time,power_w\n2026-07-01T12:00:00Z,1\n2026-07-01T13:00:00Z,2\n")
    settings = EnergySettings(
        source="trace", trace=csv, trace_speed=3600, trace_start="2026-07-01T13:00:00Z", trace_loop=True
    )

    source = build(settings, began=NOON)

    assert source is not None
    assert [source.read(NOON.replace(second=second)).power_w for second in range(4)] == [2, 1, 2, 1]


def test_constant_is_always_the_same_and_modelled() -> None:
    """The source `constant` gives its watts at every time, and no meter stands behind them."""
    source = ConstantSource(250.0)

    assert source.read(NOON) == Reading(250.0, NOON, modelled=True)
    assert {power_w for _, power_w in source.outlook(NOON)} == {250.0}


def test_building_a_source_does_not_import_pvlib() -> None:
    """The library pvlib takes seconds to import: that happens in the background, when a sky is read first."""
    code = (
        "import sys; from naomesh.energy import build; from naomesh.settings import EnergySettings; "
        "build(EnergySettings(source='clear_sky')); print('pvlib' in sys.modules, 'pandas' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
