"""Times, spans and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from naomesh.cli import wording

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0 s"), (12.34, "12.3 s"), (59.96, "1 min 00 s"), (80, "1 min 20 s"), (7500, "2 h 05 min")],
)
def test_what_something_took(value, text):
    """Short times have a tenth of a second, long ones have minutes."""
    assert wording.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "a few seconds"), (22, "about 20 s"), (79, "about 1 min 20 s"), (121, "about 2 min"), (2400, "about 40 min")],
)
def test_what_something_will_take(value, text):
    """An expectation is no finer than anyone knows."""
    assert wording.about(value) == text


@pytest.mark.parametrize(("value", "text"), [(3.5e9, "3.5 GB"), (820e6, "820 MB"), (12e3, "12 kB"), (0, "0 kB")])
def test_sizes(value, text):
    """Sizes are in powers of ten."""
    assert wording.size(value) == text


def test_names_stay_on_their_line():
    """A name with a newline, a control character or bytes that are no text does not break the line it stands in."""
    assert wording.one_line("Füße 1.jpg") == "Füße 1.jpg"
    assert wording.one_line("a\nb\x1b[31m.jpg") == r"a\nb\x1b[31m.jpg"
    assert wording.one_line("\udcff.jpg").isprintable()


def test_counts_have_their_plural():
    """One photo, two photos."""
    assert [wording.count(number, "photo") for number in (1, 2, 1400)] == ["1 photo", "2 photos", "1,400 photos"]


def test_near_times_have_seconds():
    """A time within ten minutes has its seconds, another has none, and none at all is empty."""
    near, far = NOW + timedelta(minutes=5), NOW + timedelta(minutes=20)
    assert wording.clock(near, NOW).endswith(f"{near.astimezone():%H:%M:%S}")
    assert wording.clock(far, NOW).endswith(f"{far.astimezone():%H:%M}")
    assert wording.clock(NOW - timedelta(days=30), NOW).startswith("2026-06-01")
    assert wording.clock(None, NOW) == ""


def test_a_spark_line_reaches_from_nothing_to_the_highest():
    """The highest value is a full bar, nothing (and less) the lowest, and only the latest are shown."""
    assert wording.spark([9, -5, 0, 50, 100], width=4) == "▁▁▅█"
    assert wording.spark([0, 0]) == "▁▁"
    assert wording.spark([]) == ""
