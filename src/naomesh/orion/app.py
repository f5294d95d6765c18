"""The app factory: a stock Prefect server with GreenFlowPolicy in it, and the keeper beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

# First: it avoids a circular import in prefect.server.orchestration.
from prefect.server.api.server import create_app as create_prefect_app
from prefect.server.orchestration import dependencies

from naomesh.bootstrap import Onion, utc_now
from naomesh.orion import seed
from naomesh.orion.gate import Gate
from naomesh.orion.keeper import Keeper
from naomesh.orion.rules import Asking, GreenFlowPolicy
from naomesh.orion.situation import rules

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("naomesh.orion")


def create_app(onion: Onion | None = None) -> FastAPI:
    """A Prefect server for the Onion of the environment (or a given one). Serve it with uvicorn's `--factory`."""
    onion = onion or Onion.configured()
    gate = Gate(onion.database, rules(onion.settings.policy), utc_now)
    Asking.gate = gate
    dependencies.ORCHESTRATION_DEPENDENCIES["flow_policy_provider"] = _policy
    app = create_prefect_app(final=True, ignore_cache=True)
    _keep_beside(app, onion, Keeper(onion, gate))
    return app


async def _policy() -> type[GreenFlowPolicy]:
    return GreenFlowPolicy


def _keep_beside(app: FastAPI, onion: Onion, keeper: Keeper) -> None:
    """Let the keeper live as long as the server does."""
    prefect_lifespan = app.router.lifespan_context
    first = seed.plant(onion.home)

    @contextlib.asynccontextmanager
    async def lifespan(served: Any) -> AsyncIterator[Any]:
        async with prefect_lifespan(served) as state:
            if first:
                seed.keep(onion.home)
            task = asyncio.create_task(keeper.run())
            try:
                yield state
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    app.router.lifespan_context = lifespan
