"""Times, spans, sizes and counts as people at a terminal read them: in local time, in one or two figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from naomesh.policy.words import span, watts

__all__ = ["about", "age", "clock", "count", "one_line", "seconds", "size", "span", "spark", "watts"]

BARS = "▁▂▃▄▅▆▇█"


def seconds(value: float) -> str:
    """How long something took: `0.4 s`, `12.3 s`, `1 min 20 s`, `2 h 05 min`."""
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def about(value: float) -> str:
    """How long something will take, no finer than anyone knows: `about 20 s`, `about 1 min 20 s`, `about 40 min`."""
    if value < 10:
        return "a few seconds"
    if value < 55:
        return f"about {5 * round(value / 5)} s"
    if value < 595:
        tens = 10 * round(value / 10)
        return f"about {tens // 60} min {tens % 60} s" if tens % 60 else f"about {tens // 60} min"
    return f"about {span(value)}"


def size(bytes_: float) -> str:
    """`3.5 GB`, `820 MB`, `12 kB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if bytes_ >= 0.9995 * factor:
            return f"{bytes_ / factor:.1f} {unit}" if unit == "GB" else f"{bytes_ / factor:.0f} {unit}"
    return f"{bytes_ / 1e3:.0f} kB"


def count(number: int, noun: str) -> str:
    """`1 photo`, `14 photos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    r"""A name as it is, except that what would break the line is written as in Python: `a\nb.jpg`."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def clock(when: datetime | None, now: datetime) -> str:
    """A time in the zone of this machine: `09:40:12` when it is near, `09:40`, `tomorrow 09:40`, `2026-07-03 09:40`."""
    if when is None:
        return ""
    local, today = when.astimezone(), now.astimezone()
    days = (local.date() - today.date()).days
    day = {0: "", 1: "tomorrow ", -1: "yesterday "}.get(days, f"{local:%Y-%m-%d} ")
    near = abs((when - now).total_seconds()) < 600
    return f"{day}{local:%H:%M:%S}" if near else f"{day}{local:%H:%M}"


def age(since: datetime, now: datetime) -> str:
    """How long ago."""
    return span(max(0.0, (now - since).total_seconds()))


def spark(values: Sequence[float], width: int = 40) -> str:
    """Values as a line of bars from 0 to their highest, the latest `width` of them."""
    shown = [max(0.0, value) for value in values[-width:]]
    highest = max(shown, default=0.0)
    if highest <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[min(len(BARS) - 1, int(len(BARS) * value / highest))] for value in shown)
