"""Which readings of the sun may be believed. Whatever is in doubt is no sun: the policy fails closed."""

from __future__ import annotations

import math
from datetime import datetime

from naomesh.policy import words
from naomesh.policy.model import Reading, Rules, Signals


def trusted(signals: Signals, rules: Rules) -> tuple[float | None, str]:
    """The production now in W, at least 0, and an empty reason; or None and the reason why nothing is believed.

    A reading is refused when there is none, when it is older than ``max_reading_age_s``, when its time lies more
    than ``max_clock_skew_s`` ahead, and when its power is no finite number, lies below ``-night_offset_w``, or
    reaches ``absurd_power_w``.
    """
    if not signals.configured:
        return None, "no energy source is configured"
    reading = signals.production
    if reading is None:
        return None, words.line(signals.problem) or "the energy source has given no reading yet"
    reason = _bad_time(reading, signals.now, rules) or _bad_power(reading.power_w, rules)
    if reason:
        problem = words.line(signals.problem)
        return None, f"{reason}; {problem}" if problem and problem != reason else reason
    return max(0.0, float(reading.power_w)), ""


def _bad_time(reading: Reading, now: datetime, rules: Rules) -> str:
    if reading.time.utcoffset() is None:
        return "the reading's time has no zone"
    age_s = (now - reading.time).total_seconds()
    if age_s < -rules.max_clock_skew_s:
        return f"the reading is dated {words.span(-age_s)} in the future"
    if age_s > rules.max_reading_age_s:
        return f"the last reading is {words.span(age_s)} old"
    return ""


def _bad_power(power_w: object, rules: Rules) -> str:
    if isinstance(power_w, bool) or not isinstance(power_w, int | float):
        return "the reading is not a number"
    if not math.isfinite(power_w):
        return "the reading is not a finite number"
    if power_w < -rules.night_offset_w:
        return f"a production of {words.watts(power_w)} cannot be"
    if power_w >= rules.absurd_power_w:
        return f"a production of {words.watts(power_w)} is absurd"
    return ""
