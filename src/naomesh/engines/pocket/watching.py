"""Progress of a call into pycolmap that says nothing while it runs: look at what it wrote so far."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from naomesh.engines.messages import say_progress

INTERVAL_S = 0.5


@contextmanager
def watched(count: Callable[[], int], total: int) -> Iterator[None]:
    """While the block runs, report `count()` of `total` whenever it has grown, and `total` when it has ended well."""
    stop = threading.Event()

    def look() -> None:
        last = -1
        while True:
            ended = stop.wait(INTERVAL_S)
            done = min(count(), total)
            if done > last:
                say_progress(done, total)
                last = done
            if ended:
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    say_progress(total, total)


def rows(database: Path, table: str) -> Callable[[], int]:
    """A count of the rows of `table`, which another connection is filling; 0 while it cannot be read."""

    def count() -> int:
        try:
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0.2)) as connection:
                return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 our names
        except sqlite3.Error:
            return 0

    return count


def files(folder: Path, pattern: str) -> Callable[[], int]:
    """A count of the files in `folder` that match."""
    return lambda: sum(1 for _ in folder.glob(pattern))
