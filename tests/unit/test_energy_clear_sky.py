"""The model of a cloudless sky, held against physics and against pvlib's own reference model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from pvlib.location import Location

from naomesh.energy.clear_sky import ClearSkySource

NANTES = {"latitude": 47.2184, "longitude": -1.5536}
PEAK_W = 4200.0


def panels(**more: float) -> ClearSkySource:
    """Panels at Nantes, 35 degrees to the south."""
    return ClearSkySource(**({**NANTES, "tilt_deg": 35.0, "azimuth_deg": 180.0, "peak_w": PEAK_W} | more))


def day(month: int, number: int) -> list[datetime]:
    """Each ten minutes of a day, UTC."""
    midnight = datetime(2026, month, number, tzinfo=UTC)
    return [midnight + timedelta(minutes=10 * index) for index in range(144)]


def test_noon_in_june_and_in_december() -> None:
    """At solar noon 35-degree panels at 47 degrees north give about nine tenths of their peak in June, half of it in
    December."""
    june, december = panels().powers_w(
        [datetime(2026, 6, 21, 12, 8, tzinfo=UTC), datetime(2026, 12, 21, 12, 4, tzinfo=UTC)]
    )

    assert 0.80 * PEAK_W < june < 0.95 * PEAK_W
    assert 0.45 * PEAK_W < december < 0.65 * PEAK_W


def test_the_day_has_the_length_that_the_almanac_gives() -> None:
    """At Nantes the sun is up 15 h 56 min on 21 June and 8 h 27 min on 21 December, and no power comes in the night."""
    for (month, number), hours in (((6, 21), 15.9), ((12, 21), 8.45)):
        powers_w = panels().powers_w(day(month, number))

        lit = [index for index, power_w in enumerate(powers_w) if power_w > 0]
        assert len(lit) / 6 == pytest.approx(hours, abs=0.4)
        assert lit == list(range(lit[0], lit[-1] + 1))
        assert powers_w[0] == 0.0


def test_never_above_the_peak_and_never_negative() -> None:
    """Whatever the panels' place and tilt, the model stays between 0 and the peak power all year."""
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * index) for index in range(1252)]
    for source in (
        panels(),
        panels(tilt_deg=0),
        panels(tilt_deg=90, azimuth_deg=0),
        panels(latitude=-33, longitude=151),
    ):
        powers_w = source.powers_w(times)

        assert min(powers_w) == 0.0
        assert max(powers_w) <= PEAK_W
        assert max(powers_w) > 0.1 * PEAK_W


def test_east_panels_give_more_in_the_morning() -> None:
    """Panels that look east give more before solar noon than after it, west ones less; south ones are even."""
    for azimuth_deg, low, high in ((90, 1.5, 9), (180, 0.9, 1.1), (270, 0.1, 0.7)):
        powers_w = panels(azimuth_deg=azimuth_deg).powers_w(day(6, 21))

        ratio = sum(powers_w[:73]) / sum(powers_w[73:])  # solar noon is 12:08 UTC
        assert low < ratio < high


@pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")  # pvlib's own, in its reference model
def test_the_irradiance_agrees_with_pvlib_s_reference() -> None:
    """On the horizontal, the day's energy is within 10 % of the Ineichen model with pvlib's own table of the air,
    in every month."""
    for month in range(1, 13):
        times = day(month, 21)
        reference = Location(**NANTES, altitude=20).get_clearsky(pd.DatetimeIndex(times))["ghi"].sum()

        ours = sum(panels(tilt_deg=0).powers_w(times)) / PEAK_W / 0.86 * 1000

        assert ours == pytest.approx(reference, rel=0.1)


def test_a_reading_is_of_now_and_modelled() -> None:
    """A reading carries the time it was asked for, and is marked as a model's."""
    now = datetime(2026, 6, 21, 12, 8, tzinfo=UTC)

    reading = panels().read(now)

    assert reading.time == now
    assert reading.modelled
    assert reading.power_w == pytest.approx(panels().powers_w([now])[0])


def test_the_outlook_is_the_model_for_a_day() -> None:
    """A point each quarter of an hour from the last quarter on for 24 h, the model's own values."""
    now = datetime(2026, 6, 21, 5, 7, tzinfo=UTC)
    source = panels()

    outlook = source.outlook(now)

    assert [time for time, _ in outlook[:2]] == [now.replace(minute=0), now.replace(minute=15)]
    assert outlook[-1][0] - outlook[0][0] == timedelta(days=1)
    assert outlook[28][1] == pytest.approx(source.powers_w([outlook[28][0]])[0])
    assert source.outlook(now + timedelta(minutes=5)) is outlook
    assert source.outlook(now + timedelta(minutes=9))[0][0] == now.replace(minute=15)
