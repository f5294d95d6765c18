"""Which readings of the sun are believed."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_makers import NOW, RULES, fleets, job, rules, sun

from naomesh.policy.decide import decide
from naomesh.policy.model import Reading, Signals, Wait
from naomesh.policy.readings import trusted

REFUSED = {
    "none": (Signals(NOW, None), "no reading yet"),
    "none, and the sampler knows why": (Signals(NOW, None, problem="a web page"), "a web page"),
    "no source": (Signals(NOW, None, configured=False), "no energy source"),
    "old": (sun(3000, age_s=720), "12 min old"),
    "tomorrow's": (sun(3000, age_s=-86400), "24 h 00 min in the future"),
    "without zone": (Signals(NOW, Reading(3000, datetime(2026, 7, 1, 8))), "no zone"),  # noqa: DTZ001 - the rule
    "NaN": (sun(math.nan), "finite"),
    "infinite": (sun(math.inf), "finite"),
    "negative": (sun(-51), "cannot be"),
    "minus infinity": (sun(-math.inf), "finite"),
    "absurd": (sun(10_000_000), "absurd"),
    "no number": (sun("3000"), "not a number"),  # type: ignore[arg-type]
    "true": (sun(True), "not a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_doubtful_reading_is_refused_with_its_reason(name: str) -> None:
    """Old, missing, future, negative, absurd and impossible readings are no sun, and the reason says which it was."""
    signals, words = REFUSED[name]

    power_w, reason = trusted(signals, RULES)

    assert power_w is None
    assert words in reason


@pytest.mark.parametrize(("given_w", "trusted_w"), [(0, 0), (-50, 0), (-2.86, 0), (310.5, 310.5), (4200, 4200)])
def test_a_small_negative_reading_at_night_is_zero(given_w: float, trusted_w: float) -> None:
    """Inverters read a little below zero at night: that is 0 W, and all else stays as it is."""
    assert trusted(sun(given_w), RULES) == (trusted_w, "")


@pytest.mark.parametrize("age_s", [300, 0, -60])
def test_a_reading_within_age_and_skew_is_believed(age_s: float) -> None:
    """A reading of up to five minutes ago, or of a clock that is a minute ahead, is good."""
    assert trusted(sun(500, age_s=age_s), RULES) == (500, "")


def test_a_good_reading_is_believed_although_the_source_has_a_problem() -> None:
    """The last reading counts until it is too old, whatever the source does since; afterwards both are told."""
    trouble = "the source has not answered for 12 s"

    assert trusted(sun(500, problem=trouble), RULES) == (500, "")
    assert trusted(sun(500, age_s=400, problem=trouble), RULES) == (None, f"the last reading is 7 min old; {trouble}")


@given(
    st.floats(max_value=-50.01) | st.floats(min_value=1e7) | st.just(math.nan),
    st.floats(-100_000, 100_000),
    fleets(),
    rules(),
)
def test_nothing_green_starts_on_nonsense(power_w: float, age_s: float, fleet: object, knobs: object) -> None:
    """Whatever the fleet and the rules: a reading that cannot be never starts a job, unless its deadline does."""
    decision = decide(sun(power_w, age_s=age_s), fleet, job(), knobs)  # type: ignore[arg-type]

    assert isinstance(decision, Wait) or decision.forced


@given(st.floats(300.1, 1e8) | st.floats(-1e8, -60.1), fleets())
def test_nothing_green_starts_on_a_reading_of_another_time(age_s: float, fleet: object) -> None:
    """A reading that is too old or from the future never starts a job, unless its deadline does."""
    decision = decide(sun(5000, age_s=age_s), fleet, job(), RULES)  # type: ignore[arg-type]

    assert isinstance(decision, Wait) or decision.forced
