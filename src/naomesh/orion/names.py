"""The names under which Orion and the rest know each other."""

from __future__ import annotations

AWAITING_SUN = "AwaitingSun"
"""State of a parked run: SCHEDULED, so far away that nobody looks for it."""
WOKEN = "Woken"
"""State of a run that the keeper has woken: SCHEDULED, now."""
BOUNDARY = "StepBoundary"
"""State that a flow proposes between two steps, to hear whether it may go on."""
FAR = 10 * 365 * 86400.0
"""How far in the future a parked run is scheduled, in s."""

FLOW = "photogrammetry"
DEPLOYMENT = "onion"
WORK_POOL = "naomesh"
WORKER_TYPE = "naomesh"
TAG = "naomesh"
