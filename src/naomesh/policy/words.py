"""Powers, spans and times as a person reads them, for the reasons of the decisions."""

from __future__ import annotations

from datetime import datetime, timedelta


def watts(power_w: float) -> str:
    """``117 W``; from 10 kW on ``12.3 kW``."""
    if abs(power_w) >= 10_000:
        return f"{power_w / 1000:,.1f} kW"
    return f"{power_w:.0f} W"


def line(text: str) -> str:
    """Any text as one line of at most 200 characters."""
    return " ".join(text.split())[:200]


def span(seconds: float) -> str:
    """``12 s``, ``5 min``, ``2 h 05 min``, ``3 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} days"


def clock(when: datetime, now: datetime) -> str:
    """``09:40 UTC``, with seconds when it is near, ``tomorrow 09:40 UTC``, ``2026-07-03 09:40 UTC``; in now's zone."""
    local = when.astimezone(now.tzinfo)
    zone = local.tzname() or ""
    if abs((when - now).total_seconds()) < 600:
        return f"{local:%H:%M:%S} {zone}".rstrip()
    days = (local.date() - now.date()) // timedelta(days=1)
    day = {0: "", 1: "tomorrow "}.get(days, f"{local:%Y-%m-%d} ")
    return f"{day}{local:%H:%M} {zone}".rstrip()
