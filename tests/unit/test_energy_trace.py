"""Replaying a recorded production."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from naomesh.energy.trace import TraceSource
from naomesh.energy.tracefile import Trace, read_trace
from naomesh.errors import EnergyError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY0 = datetime(2026, 7, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Real seconds after the replay began."""
    return NOW + timedelta(seconds=seconds)


def hourly(*powers_w: float) -> Trace:
    """A row an hour from midnight on."""
    return Trace(tuple(DAY0 + timedelta(hours=hour) for hour in range(len(powers_w))), powers_w)


def source(trace: Trace, **more: object) -> TraceSource:
    """A replay that began at NOW."""
    return TraceSource(trace, began=NOW, **more)  # type: ignore[arg-type]


def test_a_row_holds_until_the_next() -> None:
    """The reading is the row that holds at the replayed moment, dated now and marked as from no meter."""
    replay = source(hourly(10, 20, 30))

    assert [replay.read(after(second)).power_w for second in (0, 3599, 3600, 7200, 10799)] == [10, 10, 20, 30, 30]
    assert replay.read(after(60)).time == after(60)
    assert replay.read(after(60)).modelled


def test_fast_sun_replays_faster() -> None:
    """At speed 3,600 an hour of the trace passes in a second, and it is worth asking more often."""
    replay = source(hourly(10, 20, 30), speed=3600)

    assert [replay.read(after(second)).power_w for second in (0, 0.9, 1, 2)] == [10, 10, 20, 30]
    assert replay.interval_s == 1.0
    assert source(hourly(10, 20)).interval_s == 10.0
    assert source(hourly(10, 20), speed=1e9).interval_s == 0.25


def test_the_replay_can_start_anywhere_in_the_trace() -> None:
    """From `start` on, between two rows as well."""
    replay = source(hourly(10, 20, 30), start=DAY0 + timedelta(minutes=90))

    assert [replay.read(after(second)).power_w for second in (0, 1799, 1800)] == [20, 20, 30]


def test_after_its_end_a_trace_is_silent() -> None:
    """The last row holds as long as the one before it; then the source says that it is over."""
    replay = source(hourly(10, 20))

    with pytest.raises(EnergyError, match="has ended") as caught:
        replay.read(after(7200))

    assert caught.value.code == "source-silent"


def test_a_loop_starts_again() -> None:
    """With loop the first row follows the last, for ever."""
    replay = source(hourly(10, 20), loop=True)

    assert [replay.read(after(3600 * hour)).power_w for hour in range(5)] == [10, 20, 10, 20, 10]


def test_a_single_row_holds_for_ever() -> None:
    """One row is a constant."""
    assert source(hourly(42)).read(after(1e9)).power_w == 42


def test_the_replay_begins_when_it_is_first_asked() -> None:
    """Without `began` the first question is the trace's first moment, however late it comes."""
    replay = TraceSource(hourly(10, 20))

    assert [replay.read(after(5000 + second)).power_w for second in (0, 3600)] == [10, 20]


def test_the_outlook_is_the_day_before_squeezed_by_the_speed() -> None:
    """Persistence: what was at the same moment of yesterday, in the real time in which the replay will be there."""
    trace = hourly(*range(48))
    replay = source(trace, speed=3600, start=DAY0 + timedelta(days=1))

    outlook = replay.outlook(after(0))

    assert outlook == [(after(hour), hour) for hour in range(24)]


def test_without_a_day_before_there_is_no_outlook_of_it() -> None:
    """On the trace's first day nothing is known; later only as far as yesterday was recorded; a loop knows its end."""
    trace = hourly(*range(48))

    assert source(trace).outlook(after(0)) == []
    assert len(source(trace).outlook(after(12 * 3600))) == 12
    assert source(hourly(*range(24)), loop=True).outlook(after(0))[5] == (after(5 * 3600), 5)


def test_an_outlook_is_short_whatever_the_trace() -> None:
    """A trace with a row a second does not make an outlook of 86,400 points."""
    dense = Trace(tuple(DAY0 + timedelta(seconds=second) for second in range(2 * 86400)), tuple(range(2 * 86400)))

    assert len(source(dense, start=DAY0 + timedelta(days=1)).outlook(after(0))) == 288


def write(folder: Path, text: str) -> Path:
    """A trace file."""
    path = folder / "sun.csv"
    path.write_bytes(text.encode())
    return path


def test_a_file_is_read_with_its_zones(tmp_path: Path) -> None:
    """Times of any zone come back as UTC; blank lines, spaces, a byte order mark and Windows line ends are fine."""
    text = "\ufefftime, power_w\r\n2026-07-01 00:00:00-07:00, -2.86\r\n\r\n2026-07-01T09:15:00+02:00,3.5e3\r\n"

    trace = read_trace(write(tmp_path, text))

    assert trace.times == (datetime(2026, 7, 1, 7, tzinfo=UTC), datetime(2026, 7, 1, 7, 15, tzinfo=UTC))
    assert trace.powers_w == (-2.86, 3500.0)


ROW = "2026-07-01T12:00:00Z,1\n"
HEADER = "time,power_w\n"
WRONG = {
    "no header": (ROW, "trace-header", "line 1"),
    "another header": ("measured_on,ac_power\n" + ROW, "trace-header", "line 1"),
    "nothing": ("", "trace-header", "line 1"),
    "no rows": (HEADER + "\n", "trace-empty", "has no rows"),
    "one field": (HEADER + ROW + "2026-07-01T13:00:00Z\n", "trace-row", "line 3"),
    "three fields": (HEADER + "2026-07-01T13:00:00Z,1,2\n", "trace-row", "line 2"),
    "no time": (HEADER + "noon,1\n", "trace-time", "line 2"),
    "no zone": (HEADER + "2026-07-01T12:00:00,1\n", "trace-time", "line 2"),
    "twice the same time": (HEADER + ROW + ROW, "trace-order", "line 3"),
    "backwards, by the zone": (HEADER + ROW + "2026-07-01T13:00:00+02:00,1\n", "trace-order", "line 3"),
    "no number": (HEADER + "2026-07-01T12:00:00Z,much\n", "trace-value", "line 2"),
    "an empty number": (HEADER + "2026-07-01T12:00:00Z,\n", "trace-value", "line 2"),
    "NaN": (HEADER + "2026-07-01T12:00:00Z,nan\n", "trace-value", "line 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_line_and_mend(tmp_path: Path, name: str) -> None:
    """The error names the file, the line and what to do, in one line."""
    text, code, words = WRONG[name]
    path = write(tmp_path, text)

    with pytest.raises(EnergyError) as caught:
        read_trace(path)

    assert caught.value.code == code
    assert str(path) in caught.value.message
    assert words in caught.value.message
    assert caught.value.mend
    assert len(caught.value.line().splitlines()) == 1


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    """No file, a folder, and binary data each are one clear error."""
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")

    for path, code in ((tmp_path / "none.csv", "trace-missing"), (tmp_path, "trace-missing"), (binary, "trace-header")):
        with pytest.raises(EnergyError) as caught:
            read_trace(path)
        assert caught.value.code == code


@pytest.mark.parametrize("start", ["yesterday", "2026-07-01T12:00:00", "2026-06-30T12:00:00Z", "2026-07-02T12:00:00Z"])
def test_a_start_outside_the_trace_is_refused(tmp_path: Path, start: str) -> None:
    """The start is a time with zone within the trace; the error says from when to when it runs."""
    path = write(tmp_path, HEADER + ROW + "2026-07-01T13:00:00Z,2\n")

    with pytest.raises(EnergyError, match="runs from 2026-07-01T12:00:00") as caught:
        TraceSource.from_file(path, start=start)

    assert caught.value.code == "trace-start"


@pytest.mark.shared
def test_a_measured_trace_is_replayed_whole(tmp_path: Path, shared_data: Path) -> None:
    """The measured trace of 10,000 rows of 15 minutes reads, once its header is ours, and its noon is bright."""
    text = (shared_data / "traces/serf_east_15min_ac_power.csv").read_text().split("\n", 1)[1]

    trace = read_trace(write(tmp_path, HEADER + text))

    assert len(trace.times) == 10_000
    replay = source(trace, start=datetime(2016, 7, 2, 19, tzinfo=UTC))
    assert replay.read(after(0)).power_w > 1000
    assert len(replay.outlook(after(0))) == 96
