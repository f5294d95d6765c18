"""GreenFlowPolicy plugs into the pinned Prefect, where it must."""

from __future__ import annotations

from prefect.server.api.server import create_app  # first, as in naomesh.orion.app
from prefect.server.orchestration.core_policy import (
    CoreFlowPolicy,
    PreventPendingTransitions,
    SecureFlowConcurrencySlots,
)

from naomesh.orion.rules import RULES, GreenFlowPolicy


def test_our_rules_stand_before_those_that_take_slots() -> None:
    """A run that waits for the sun takes no concurrency slot, and none of Prefect's own rules is lost."""
    assert create_app is not None
    rules = GreenFlowPolicy.priority()
    places = [rules.index(rule) for rule in RULES]
    assert rules.index(PreventPendingTransitions) < min(places)
    assert max(places) < rules.index(SecureFlowConcurrencySlots)
    assert [rule for rule in rules if rule not in RULES] == list(CoreFlowPolicy.priority())
