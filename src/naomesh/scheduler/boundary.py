"""The question between two steps: may this run go on? Orion's GreenBoundary rule answers."""

from __future__ import annotations

import time

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, Pause, PrefectHTTPStatusError
from prefect.states import Scheduled
from prefect.utilities.engine import propose_state_sync

from naomesh.orion.names import BOUNDARY

PATIENCE_S = 120.0
"""How long an Orion that is away is waited for; then the step goes ahead, and the next boundary asks again."""


def ask() -> State | None:
    """None when the run may go on; its parked state when it has to end its process now."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    client = get_client(sync_client=True)  # the run's own
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return propose_state_sync(client, Scheduled(name=BOUNDARY), flow_run_id=context.flow_run.id)
        except Abort:  # how the rule says: go on
            return None
        except Pause as paused:  # a person paused it in Prefect's own UI
            return paused.state
        except (httpx.HTTPError, PrefectHTTPStatusError):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.5)
