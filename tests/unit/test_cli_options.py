"""What is typed for a deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from naomesh.cli.options import DeadlineType

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("24h", timedelta(hours=24)),
        ("90m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1.5H", timedelta(minutes=90)),
        ("30 s", timedelta(seconds=30)),
    ],
)
def test_spans_count_from_the_submission(text, span):
    """A span such as 24h counts from when the job is submitted."""
    assert DeadlineType().convert(text, None, None).counted_from(NOW) == NOW + span


def test_times_stand_for_themselves():
    """An ISO time with a zone is that time, whenever the job is submitted."""
    deadline = DeadlineType().convert("2026-07-02T18:00+02:00", None, None)
    assert deadline.counted_from(NOW) == datetime(2026, 7, 2, 16, tzinfo=UTC)


def test_times_without_a_zone_are_local():
    """An ISO time without a zone is read in the zone of this machine."""
    local = datetime(2026, 7, 2, 18).astimezone()
    assert DeadlineType().convert("2026-07-02T18:00", None, None).counted_from(NOW) == local


@pytest.mark.parametrize(
    "text", ["", "soon", "24", "h", "-1h", "0h", "1e9d", "99999999999d", "24h 5m", "2026-13-01", "١٢"]
)
def test_anything_else_is_wrong_usage(text):
    """What is neither a span of at most ten years nor a time is refused with an example of both."""
    with pytest.raises(click.BadParameter):
        DeadlineType().convert(text, None, None)
