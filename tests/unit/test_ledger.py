"""Who used what: energy, and how much of it was sun."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naomesh.energy.ledger import Split, Use, modelled_power_w, split

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def use(start_s: float, end_s: float, draw_w: float = 100.0) -> Use:
    """A use between seconds after noon."""
    return Use(at(start_s), at(end_s), draw_w)


def sun(*samples: tuple[float, float]) -> list[tuple[datetime, float]]:
    """Samples (seconds after noon, W)."""
    return [(at(seconds), power_w) for seconds, power_w in samples]


def approx(energy_wh: float, solar_wh: float) -> Split:
    """A split, to rounding."""
    return pytest.approx(Split(energy_wh, solar_wh, energy_wh - solar_wh))  # type: ignore[no-any-return]


def test_the_solar_share_is_what_the_sun_gives_and_the_node_draws() -> None:
    """An hour at 100 W under 40 W of sun is 40 Wh of sun; under 400 W it is all sun; without sun it is all grid."""
    hour = [use(0, 3600)]

    assert split(sun((0, 40)), hour, max_age_s=3600) == [approx(100, 40)]
    assert split(sun((0, 400)), hour, max_age_s=3600) == [approx(100, 100)]
    assert split([], hour) == [approx(100, 0)]


def test_a_sample_holds_until_the_next() -> None:
    """Half an hour of sun and half an hour of cloud are half of the energy; before the first sample there is none."""
    assert split(sun((0, 400), (1800, 0)), [use(0, 3600)], max_age_s=3600) == [approx(100, 50)]
    assert split(sun((1800, 400)), [use(0, 3600)], max_age_s=3600) == [approx(100, 50)]


def test_an_old_sample_is_no_sun() -> None:
    """A sample counts for max_age_s and no longer: the rest of the gap is grid."""
    assert split(sun((0, 400), (3600, 400)), [use(0, 3600)], max_age_s=360) == [approx(100, 10)]


def test_jobs_at_the_same_time_share_the_sun_by_their_draw() -> None:
    """150 W of sun for 100 W and 200 W are 50 W and 100 W, and all for the one that is left alone."""
    shared = split(sun((0, 150)), [use(0, 3600), use(0, 3600, 200)], max_age_s=9999)
    after = split(sun((0, 150)), [use(0, 7200), use(0, 3600, 200)], max_age_s=9999)

    assert shared == [approx(100, 50), approx(200, 100)]
    assert after == [approx(200, 150), approx(200, 100)]


@pytest.mark.parametrize("power_w", [-3.0, math.nan, -math.inf])
def test_nonsense_is_no_sun(power_w: float) -> None:
    """A sample that is negative or not finite gives nothing, and takes nothing away."""
    assert split(sun((0, power_w)), [use(0, 3600)], max_age_s=9999) == [approx(100, 0)]


def test_samples_come_in_any_order_and_the_last_of_two_counts() -> None:
    """The order of the samples does not matter, but of two at one time the later in the list is believed."""
    assert split(sun((1800, 0), (0, 7), (0, 400)), [use(0, 3600)], max_age_s=9999) == [approx(100, 50)]


def test_a_use_that_ends_before_it_starts_is_nothing() -> None:
    """A clock that was set back between start and end does not make negative energy."""
    assert split(sun((0, 400)), [use(100, 0)]) == [Split(0, 0, 0)]
    assert split(sun((0, 400)), []) == []


@pytest.mark.parametrize("draw_w", [-1.0, math.nan, math.inf])
def test_a_draw_that_cannot_be_is_refused(draw_w: float) -> None:
    """A negative or infinite draw is a mistake of the caller, said with its value."""
    with pytest.raises(ValueError, match=f"a draw of {draw_w} W"):
        split([], [use(0, 1, draw_w)])


seconds = st.integers(-5000, 20_000)
samples = st.lists(st.tuples(seconds, st.floats(-100, 6000)), max_size=12)
uses = st.lists(st.tuples(seconds, seconds, st.floats(0, 1000)), max_size=8)


@given(samples, uses, st.integers(1, 10_000))
def test_solar_and_grid_are_the_whole(
    rows: list[tuple[int, float]], used: list[tuple[int, int, float]], max_age_s: int
) -> None:
    """For every use: sun and grid are never negative and add up to power times time."""
    spans = [use(start, end, draw_w) for start, end, draw_w in used]

    for span, (energy_wh, solar_wh, grid_wh) in zip(spans, split(sun(*rows), spans, max_age_s), strict=True):
        length_s = max(0.0, (span.end - span.start).total_seconds())
        assert energy_wh == pytest.approx(span.draw_w * length_s / 3600)
        assert solar_wh + grid_wh == pytest.approx(energy_wh)
        assert solar_wh >= 0
        assert grid_wh >= 0


@given(samples, uses, st.integers(1, 10_000))
def test_all_together_never_use_more_sun_than_there_is(
    rows: list[tuple[int, float]], used: list[tuple[int, int, float]], max_age_s: int
) -> None:
    """The solar energy of all uses is at most what the panels gave, second by second counted by brute force."""
    spans = [use(start, end, draw_w) for start, end, draw_w in used]
    values = dict(sorted(dict(rows).items()))

    def panels_w(second: float) -> float:
        held = [start for start in values if start <= second]
        return max(0.0, values[held[-1]]) if held and second - held[-1] < max_age_s else 0.0

    def draw_w(second: float) -> float:
        return sum(watts for start, end, watts in used if start <= second < end)

    marks = sorted({*values, *(start + max_age_s for start in values), *(mark for span in used for mark in span[:2])})
    both_wh = sum(min(panels_w(start), draw_w(start)) * (end - start) / 3600 for start, end in pairwise(marks))

    solar_wh = sum(share.solar_wh for share in split(sun(*rows), spans, max_age_s))

    assert solar_wh == pytest.approx(both_wh, rel=1e-6, abs=1e-6)


@given(samples, uses, st.integers(-5000, 20_000))
def test_a_use_in_two_parts_is_the_same_use(
    rows: list[tuple[int, float]], used: list[tuple[int, int, float]], cut: int
) -> None:
    """Cutting every use at one moment (a pause of no time) changes no sum."""
    whole = [use(start, max(start, end), draw_w) for start, end, draw_w in used]
    parts = [
        part
        for span in whole
        for part in (
            Use(span.start, min(span.end, max(span.start, at(cut))), span.draw_w),
            Use(min(span.end, max(span.start, at(cut))), span.end, span.draw_w),
        )
    ]

    one, two = (sum(share.solar_wh for share in split(sun(*rows), spans)) for spans in (whole, parts))

    assert one == pytest.approx(two, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("cpu_s", "wall_s", "cores", "power_w"),
    [
        (0, 10, 2, 70),
        (20, 10, 2, 117),
        (10, 10, 2, 93.5),
        (50, 10, 2, 117),
        (-1, 10, 2, 70),
        (5, 0, 2, 70),
        (5, 9, 0, 70),
    ],
)
def test_the_modelled_draw_lies_between_idle_and_busy(cpu_s: float, wall_s: float, cores: int, power_w: float) -> None:
    """Idle, half and full use of the cores are 70, 93.5 and 117 W; use above all cores, or of no time, is clamped."""
    assert modelled_power_w(70, 117, cpu_s, wall_s, cores) == pytest.approx(power_w)
