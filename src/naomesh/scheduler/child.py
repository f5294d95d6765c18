"""The process of one flow run: it leads a process group of its own, and dies with its worker."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from uuid import UUID

TOKEN = "NAOMESH_LEASE_TOKEN"  # noqa: S105 - a fencing token, no secret
_PR_SET_PDEATHSIG = 1


def run(flow_run_id: str, token: int) -> None:
    """Run a flow run to its end or its pause. The lease token tells the flow on whose behalf it writes."""
    _live_and_die_with_the_worker()
    os.environ["PREFECT__FLOW_RUN_ID"] = flow_run_id
    os.environ[TOKEN] = str(token)

    from prefect.context import SyncClientContext
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import load_flow_run, run_flow
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from naomesh.scheduler.flow import photogrammetry

    # without the heartbeat thread a run ends a second sooner; leases say who lives
    with (
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        handle_engine_signals(UUID(flow_run_id)),
        SyncClientContext.get_or_create(),  # one client for all that the run says to Orion
    ):
        run_flow(photogrammetry, flow_run=load_flow_run(flow_run_id=UUID(flow_run_id)))


def _live_and_die_with_the_worker() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the fork server is gone: so are we
    os.setpgid(0, 0)
    worker = multiprocessing.parent_process()
    if worker is None or os.getppid() == 1:
        os._exit(1)

    def watch() -> None:
        # kill -9 of the worker leaves the fork server alive as long as we hold it open
        wait([worker.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="worker-watch", daemon=True).start()
