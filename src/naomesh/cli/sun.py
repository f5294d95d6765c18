"""The demo's two days of sun: a roof of 3 kW in Nantes around midsummer, every 15 minutes.

The file is made by `python -m naomesh.cli.sun`: pvlib's clear sky (Ineichen and Perez) on panels that look south at 35
degrees, times the fair-weather clouds of `CLOUDS`, which are invented. It is a model, and the source says so.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

TRACE = Path(__file__).parent / "data" / "nantes-june.csv"

FIRST = datetime(2026, 6, 20, tzinfo=UTC)
DAYS = 2
STEP = timedelta(minutes=15)
PEAK_W = 3000.0
CLOUDS = ((0.35, 7.3, 4.1), (0.25, 11.1, 0.8), (0.15, 17.9, 5.8))
"""(depth, times a day, phase) of waves whose crests are clouds."""


def transmitted(time: datetime) -> float:
    """How much of the clear sky's light the clouds let through, 0 to 1."""
    days = (time - FIRST) / timedelta(days=1)
    shade = sum(depth * max(0.0, math.sin(2 * math.pi * often * days + phase)) for depth, often, phase in CLOUDS)
    return 1.0 - shade


def rows() -> list[tuple[datetime, float]]:
    """(aware UTC, W), in order of time."""
    from naomesh.energy.clear_sky import ClearSkySource

    sky = ClearSkySource(latitude=47.2184, longitude=-1.5536, tilt_deg=35.0, azimuth_deg=180.0, peak_w=PEAK_W)
    times = [FIRST + STEP * number for number in range(int(timedelta(days=DAYS) / STEP))]
    powers_w = sky.powers_w(times)
    return [(time, power_w * transmitted(time)) for time, power_w in zip(times, powers_w, strict=True)]


def main() -> None:
    """Write the file."""
    lines = [f"{time:%Y-%m-%dT%H:%M:%SZ},{power_w:.0f}" for time, power_w in rows()]
    TRACE.parent.mkdir(exist_ok=True)
    TRACE.write_text("\n".join(["time,power_w", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
