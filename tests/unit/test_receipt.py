"""The receipt, as a file and as a table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from naomesh.jobs.receipt import LeftOut, Photos, Receipt, SourceUsed, StepUse, Waiting
from naomesh.jobs.request import Energy, Politic, Quality

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def step(number: int, name: str, node: str, **more: Any) -> StepUse:
    """A step of a minute that started at noon."""
    values: dict[str, Any] = {
        "attempts": 1,
        "started": NOON,
        "ended": NOON + timedelta(minutes=1),
        "wall_s": 60.0,
        "cpu_s": 100.0,
        "peak_bytes": 500_000_000,
        "energy_wh": 2.0,
        "solar_wh": 1.5,
        "grid_wh": 0.5,
    }
    return StepUse(number, name, node=node, **(values | more))


@pytest.fixture
def receipt() -> Receipt:
    """A job in two steps on two nodes, one photo left out, one pause."""
    return Receipt(
        job_id="relief",
        politic=Politic(Quality.BAD, Energy.GREEN),
        engine="pocket",
        photos=Photos(15, 14, (LeftOut("brüllt.jpg", "it is not a photograph"),)),
        submitted=NOON,
        deadline=NOON + timedelta(days=1),
        registered=14,
        points=833_000,
        faces=60_000,
        steps=(step(1, "features", "a"), step(12, "densify", "b", attempts=2, peak_bytes=900_000_000, wall_s=180.0)),
        waiting=Waiting(3600.0, 1),
        energy_source=SourceUsed("clear_sky", modelled=True),
        energy_method="modelled: 70 W idle + 47 W x CPU use",
        started=NOON + timedelta(hours=1),
        ended=NOON + timedelta(hours=2),
    )


def test_a_receipt_comes_back_from_its_file(receipt: Receipt) -> None:
    """What is written as JSON is read back unchanged, also for a job that never started."""
    untouched = Receipt("new", Politic(), "pocket", Photos(3, 3), NOON, NOON)

    for each in (receipt, untouched):
        assert Receipt.from_dict(json.loads(json.dumps(each.to_dict()))) == each


def test_the_names_in_the_file_are_the_promised_ones(receipt: Receipt) -> None:
    """Programs read these names: they stay."""
    stored = receipt.to_dict()

    assert set(stored) == {
        "version", "job_id", "politic", "engine", "nodes", "photos", "registered", "points", "faces", "steps", "totals",
        "waiting", "energy_source", "energy_method", "submitted", "started", "ended", "deadline",
    }  # fmt: skip
    assert set(stored["steps"][0]) == {
        "number", "name", "attempts", "started", "ended", "wall_s", "cpu_s", "peak_bytes", "energy_wh", "solar_wh",
        "grid_wh", "node",
    }  # fmt: skip
    assert stored["version"] == 1
    assert stored["politic"] == {"quality": "bad", "energy": "green"}
    assert stored["nodes"] == ["a", "b"]
    assert stored["photos"]["left_out"] == [{"name": "brüllt.jpg", "reason": "it is not a photograph"}]
    assert stored["waiting"] == {"sun_s": 3600.0, "pauses": 1}
    assert stored["energy_source"] == {"name": "clear_sky", "modelled": True}
    assert stored["submitted"] == "2026-07-01T12:00:00Z"


def test_totals_add_up(receipt: Receipt) -> None:
    """Times and energies are summed, the memory is the highest; without steps all is 0."""
    assert receipt.to_dict()["totals"] == {
        "wall_s": 240.0,
        "cpu_s": 200.0,
        "peak_bytes": 900_000_000,
        "energy_wh": 4.0,
        "solar_wh": 3.0,
        "grid_wh": 1.0,
    }
    assert Receipt("new", Politic(), "pocket", Photos(3, 3), NOON, NOON).totals.energy_wh == 0


def test_a_table_can_be_drawn(receipt: Receipt) -> None:
    """A title, headers, a line for each step and one for all, every line as wide as the headers."""
    title, headers, lines = receipt.rows()

    assert title == "relief: 14 of 15 photos, 833,000 points, 60,000 faces; sun: clear_sky (modelled)"
    assert {len(line) for line in lines} == {len(headers)}
    assert lines[1] == ("12", "densify", "2", "180.0 s", "100.0 s", "900 MB", "2.00 Wh", "75 %", "0.50 Wh", "b")
    assert lines[-1] == ("", "all", "", "240.0 s", "200.0 s", "900 MB", "4.00 Wh", "75 %", "1.00 Wh", "")


def test_a_step_without_energy_has_no_share(receipt: Receipt) -> None:
    """A share of nothing is a dash, and no division by zero."""
    idle = Receipt("new", Politic(), "pocket", Photos(3, 3), NOON, NOON, steps=(step(0, "list", "a", energy_wh=0.0),))

    assert idle.rows()[2][0][7] == "-"


def test_times_are_written_in_utc(receipt: Receipt) -> None:
    """Whatever zone a time comes in, the file says Z."""
    east = NOON.astimezone(timezone(timedelta(hours=2)))

    assert (
        Receipt("new", Politic(), "pocket", Photos(3, 3), east, NOON).to_dict()["submitted"] == "2026-07-01T12:00:00Z"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version 2"),
        ({"version": None}, "version None"),
        ({"photos": None}, "not a receipt"),
        ({"steps": [{}]}, "not a receipt"),
        ({"submitted": "2026-07-01T12:00:00"}, "no zone"),
        ({"politic": {"quality": "best", "energy": "green"}}, "best"),
    ],
)
def test_what_is_no_receipt_is_refused(receipt: Receipt, change: dict[str, Any], words: str) -> None:
    """A later version, or a file in which something is missing or of another kind, is a ValueError that says what."""
    with pytest.raises(ValueError, match=words):
        Receipt.from_dict(receipt.to_dict() | change)


def test_unknown_keys_are_ignored(receipt: Receipt) -> None:
    """A reader does not stumble over what a later writer adds."""
    assert Receipt.from_dict(receipt.to_dict() | {"co2_g": 12}) == receipt
