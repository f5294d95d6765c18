"""The doctor: one line for every part that the settings name, with the mend."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from naomesh.bootstrap import Onion
from naomesh.cli import checks
from naomesh.cli.app import run
from naomesh.energy.base import EnergySource


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home that is not there yet, and any port."""
    monkeypatch.setenv("NAOMESH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NAOMESH_ORION_PORT", "0")
    return tmp_path / "home"


def findings(capsys):
    """What `doctor --json` found, by name."""
    code = run(["doctor", "--json"])
    text = capsys.readouterr().out
    found, _end = json.JSONDecoder().raw_decode(text)
    return code, {finding["name"]: finding for finding in found}


def test_a_fresh_machine_is_well(home, capsys):
    """Where all is well the doctor ends with 0, has changed nothing, and says that there is no sun."""
    code, found = findings(capsys)
    assert code == 0
    assert {finding["verdict"] for finding in found.values()} == {"ok", "note"}
    assert "NAOMESH_ENERGY_SOURCE" in found["energy"]["detail"]
    assert not home.exists()


def test_one_line_for_each_part(capsys):
    """For people it is one line a part."""
    assert run(["doctor"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(checks.CHECKS)


def test_a_database_of_today_is_well(capsys):
    """An Onion that has run has a database with today's schema."""
    onion = Onion.configured()
    onion.open()
    onion.database.close()
    code, found = findings(capsys)
    assert code == 0
    assert "schema" in found["database"]["detail"]


def test_a_damaged_database_is_found(home, capsys):
    """A database that is none is unwell."""
    home.mkdir()
    (home / "naomesh.db").write_bytes(b"no database" * 1000)
    code, found = findings(capsys)
    assert (code, found["database"]["code"]) == (6, "database")


def test_a_busy_port_is_found(monkeypatch, capsys):
    """Somebody else on Orion's port is unwell, with the setting to change."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("NAOMESH_ORION_PORT", str(other.getsockname()[1]))
        code, found = findings(capsys)
    assert (code, found["orion"]["code"]) == (6, "port-busy")
    assert "NAOMESH_ORION_PORT" in found["orion"]["mend"]


def test_a_home_that_is_a_file_is_found(home, capsys):
    """A home in which nothing can be written is unwell."""
    home.write_text("")
    code, found = findings(capsys)
    assert (code, found["home"]["code"]) == (6, "home-unwritable")


def test_an_onion_that_runs_is_no_trouble(capsys):
    """A home that is in use is well: it says where its Onion listens."""
    onion = Onion.configured()
    onion.open()
    with onion.home.lock("orion"):
        onion.home.announce(orion="http://127.0.0.1:4321/api")
        code, found = findings(capsys)
    assert code == 0
    assert "4321" in found["orion"]["detail"]


def test_missing_programs_are_named(monkeypatch, capsys):
    """An engine whose programs are not there is unwell."""
    monkeypatch.setenv("NAOMESH_ENGINE_NAME", "openmvg_openmvs")
    monkeypatch.setenv("PATH", "/nonexistent")
    code, found = findings(capsys)
    assert (code, found["engine"]["code"]) == (6, "engine-missing")


def test_an_unknown_engine_is_found(monkeypatch, capsys):
    """An engine that nobody knows is unwell."""
    monkeypatch.setenv("NAOMESH_ENGINE_NAME", "steam")
    code, found = findings(capsys)
    assert (code, found["engine"]["code"]) == (6, "unknown-engine")


def test_a_source_that_speaks_is_well(monkeypatch, capsys):
    """The sun is read once."""
    monkeypatch.setenv("NAOMESH_ENERGY_SOURCE", "constant")
    monkeypatch.setenv("NAOMESH_ENERGY_CONSTANT_W", "640")
    code, found = findings(capsys)
    assert code == 0
    assert "constant gives 640 W" in found["energy"]["detail"]


def test_a_trace_that_is_not_there_is_found(monkeypatch, capsys):
    """A source that cannot be built is unwell."""
    monkeypatch.setenv("NAOMESH_ENERGY_SOURCE", "trace")
    monkeypatch.setenv("NAOMESH_ENERGY_TRACE", "/nonexistent.csv")
    code, found = findings(capsys)
    assert (code, found["energy"]["code"]) == (6, "trace-missing")


class HangingSource(EnergySource):
    """A source that never answers."""

    name = "hanging"

    def __init__(self, released):
        self.released = released

    def read(self, _now):
        """Wait until the test is over."""
        self.released.wait(60)
        raise RuntimeError("too late")


class AbsurdSource(EnergySource):
    """A source whose panels give more than the sun."""

    name = "absurd"

    def read(self, now):
        """1 GW."""
        return checks.Reading(1e9, now)


class BrokenSource(EnergySource):
    """A source that was given something else than a reading."""

    name = "broken"

    def read(self, _now):
        """What an HTML page makes of a JSON parser."""
        raise ValueError("Expecting value: line 1 column 1 (char 0)")


def examine(monkeypatch, source):
    """What the doctor says of a source."""
    monkeypatch.setattr(Onion, "energy_source", lambda _onion: source)
    return checks.run_check("energy", checks.energy, Onion.configured())


def test_a_source_that_hangs_is_found_in_time(monkeypatch):
    """A source that does not answer within its time is unwell."""
    released = threading.Event()
    monkeypatch.setenv("NAOMESH_ENERGY_TIMEOUT_S", "0.05")
    finding = examine(monkeypatch, HangingSource(released))
    released.set()
    assert (finding.verdict, finding.code) == ("wrong", "source-silent")


@pytest.mark.parametrize(("source", "code"), [(AbsurdSource(), "source-nonsense"), (BrokenSource(), "source-silent")])
def test_a_source_that_talks_nonsense_is_found(monkeypatch, source, code):
    """Absurd figures and broken answers are unwell."""
    finding = examine(monkeypatch, source)
    assert (finding.verdict, finding.code) == ("wrong", code)
