"""pycolmap, made quiet: import it from here."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pycolmap

pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
# It installs a handler that answers SIGTERM with a stack trace; a cancelled step shall just end.
signal.signal(signal.SIGTERM, signal.SIG_DFL)


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a COLMAP database, replacing `target`."""
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def shrink_database(path: Path, *tables: str) -> None:
    """Empty `tables`, which no later step needs, and give their space back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        for table in tables:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 our own names
        connection.commit()
        connection.execute("VACUUM")


__all__ = ["copy_database", "pycolmap", "shrink_database"]
