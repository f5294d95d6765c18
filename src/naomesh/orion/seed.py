"""A fresh database of Orion, kept aside: Prefect's migrations take longer than all the rest of a first start.

The first Orion of a user leaves a copy of its empty, migrated SQLite file in the user's cache; later homes begin with
it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from importlib.metadata import version
from pathlib import Path

from naomesh.home import Home

DATABASE = "prefect.db"


def plant(home: Home) -> bool:
    """Give a new home the kept copy, if there is one; whether the home's database is still to be made."""
    database = home.prefect / DATABASE
    if database.exists():
        return False
    part = database.with_suffix(".part")
    try:
        shutil.copyfile(_kept(), part)
        with contextlib.closing(sqlite3.connect(part)) as copy:
            copy.execute("PRAGMA quick_check").fetchall()
    except (OSError, sqlite3.Error):  # none was kept, or what was kept is damaged
        part.unlink(missing_ok=True)
        return True
    part.replace(database)
    return False


def keep(home: Home) -> None:
    """Keep a copy of the home's database, which Prefect has just made. A cache that cannot be written costs nothing."""
    kept = _kept()
    part = kept.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError, sqlite3.Error):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.closing(sqlite3.connect(home.prefect / DATABASE)) as source,
            contextlib.closing(sqlite3.connect(part)) as target,
        ):
            source.backup(target)
        part.replace(kept)


def _kept() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "naomesh" / f"prefect-{version('prefect')}.db"
