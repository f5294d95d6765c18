"""The file of a trace: ``time,power_w``, one row a line, times in ISO 8601 with zone, powers in W."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from naomesh.errors import EnergyError

HEADER = ["time", "power_w"]


@dataclass(frozen=True)
class Trace:
    """Rows in order of time (aware UTC, at least one); a row holds until the next."""

    times: tuple[datetime, ...]
    powers_w: tuple[float, ...]

    @property
    def step(self) -> timedelta | None:
        """How long the last row but one holds; None for a single row."""
        return self.times[-1] - self.times[-2] if len(self.times) > 1 else None

    @property
    def end(self) -> datetime | None:
        """When the last row ends: it holds as long as the one before it. None: a single row holds for ever."""
        return self.times[-1] + self.step if self.step else None


def read_trace(path: Path) -> Trace:
    """Read and check a trace.

    :raises EnergyError: naming file, line and mend: `trace-missing` (no such file), `trace-header`, `trace-row` (not
        two fields), `trace-time` (no ISO 8601 time, or one without zone), `trace-order` (not later than the row
        before), `trace-value` (not a finite number), `trace-empty`.
    """
    times: list[datetime] = []
    powers_w: list[float] = []
    lines = _lines(path)
    _check_header(path, lines)
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = [field.strip() for field in next(csv.reader([line]))]
        if len(fields) != len(HEADER):
            raise _wrong("row", path, number, f"has {len(fields)} fields", "A row is time,power_w.")
        time = _time(path, number, fields[0])
        if times and time <= times[-1]:
            raise _wrong("order", path, number, "is not later than the row before it", "Sort the rows by time.")
        times.append(time)
        powers_w.append(_power_w(path, number, fields[1]))
    if not times:
        raise EnergyError(
            f"the trace {path} has no rows.", mend="Add rows such as 2026-07-01T12:00:00Z,3100.", code="trace-empty"
        )
    return Trace(tuple(times), tuple(powers_w))


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 time with zone, as UTC; None for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.utcoffset() is None else time.astimezone(UTC)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise EnergyError(
            f"the trace {path} cannot be read: {error.strerror or error}.",
            mend="Set NAOMESH_ENERGY_TRACE to a CSV file with the header time,power_w.",
            code="trace-missing",
        ) from error
    except UnicodeDecodeError as error:
        raise _wrong("header", path, 1, "is not text in UTF-8", "A trace is a CSV file, in UTF-8.") from error


def _check_header(path: Path, lines: list[str]) -> None:
    header = lines[0] if lines else ""
    if [name.strip() for name in header.split(",")] != HEADER:
        raise _wrong("header", path, 1, f"is {header[:60]!r}", "The first line of a trace is time,power_w.")


def _time(path: Path, number: int, text: str) -> datetime:
    time = parse_time(text)
    if time is None:
        mend = "Times are ISO 8601 with a zone, such as 2026-07-01T12:00:00Z or 2026-07-01T14:00:00+02:00."
        raise _wrong("time", path, number, f"has the time {text[:40]!r}", mend)
    return time


def _power_w(path: Path, number: int, text: str) -> float:
    try:
        power_w = float(text)
    except ValueError:
        power_w = math.nan
    if not math.isfinite(power_w):
        raise _wrong("value", path, number, f"has the power {text[:40]!r}", "Powers are numbers, in W.")
    return power_w


def _wrong(kind: str, path: Path, number: int, what: str, mend: str) -> EnergyError:
    return EnergyError(f"line {number} of the trace {path} {what}.", mend=mend, code=f"trace-{kind}")
