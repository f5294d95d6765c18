"""What the fork server imports before it forks: imports only, so that no client, loop or thread is forked."""

from __future__ import annotations

import gc

import httpx  # noqa: F401
import prefect.client.orchestration
import prefect.engine
import prefect.events.clients
import prefect.flow_engine
import prefect.logging.loggers
import prefect.results
import prefect.states
import prefect.task_engine  # noqa: F401

import naomesh.engines.openmvg_openmvs.engine
import naomesh.engines.pocket.engine
import naomesh.nodes.local
import naomesh.scheduler.flow
import naomesh.storage.folder  # noqa: F401

gc.collect()
gc.freeze()  # what is shared stays shared: the collector touches none of it in the children
