"""The kept copy of Orion's fresh database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from naomesh.home import Home
from naomesh.orion import seed


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "naomesh"


def a_home(folder: Path) -> Home:
    """A home without a database of Orion."""
    home = Home.at(folder)
    home.prepare()
    return home


def test_a_second_home_begins_with_the_copy_of_the_first(cache: Path, tmp_path: Path) -> None:
    """The first home makes its database, the next ones find it made."""
    first, second = a_home(tmp_path / "first"), a_home(tmp_path / "second")
    assert seed.plant(first)
    with sqlite3.connect(first.prefect / seed.DATABASE) as made:
        made.execute("CREATE TABLE flow_run (id TEXT)")
    seed.keep(first)
    assert not seed.plant(second)
    with sqlite3.connect(second.prefect / seed.DATABASE) as found:
        assert found.execute("SELECT count(*) FROM flow_run").fetchone() == (0,)


def test_a_home_keeps_the_database_it_has(cache: Path, tmp_path: Path) -> None:
    """Nothing is planted over what is there."""
    home = a_home(tmp_path / "home")
    (home.prefect / seed.DATABASE).write_bytes(b"mine")
    assert not seed.plant(home)
    assert (home.prefect / seed.DATABASE).read_bytes() == b"mine"


def test_a_damaged_copy_is_not_used(cache: Path, tmp_path: Path) -> None:
    """A cache that broke costs time and no start."""
    home = a_home(tmp_path / "home")
    seed.keep(a_home(tmp_path / "first"))
    for kept in cache.iterdir():
        kept.write_bytes(b"this is no database at all, however long it is" * 100)
    assert seed.plant(home)
    assert list(home.prefect.iterdir()) == []
