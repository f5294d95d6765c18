"""The worker: it asks for due runs, gives each granted one a process and a lease, and says how it ended.

One loop, no event loop: it sleeps until a child ends or its poll is due. A thread beside it renews the leases, so that
a server that answers slowly costs no job.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import FrameType
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Abort, PrefectException, PrefectHTTPStatusError
from prefect.states import Pending
from prefect.types._datetime import now
from prefect.utilities.engine import propose_state_sync

from naomesh.bootstrap import Onion, utc_now
from naomesh.errors import NaomeshError
from naomesh.jobs.states import JobState
from naomesh.orion.names import TAG, WORK_POOL
from naomesh.scheduler import child, recovery
from naomesh.storage import jobs, leases, site

log = logging.getLogger("naomesh.worker")

HEART_S = 2.0
POOL_HEART_S = 20.0
STOP_S = 10.0


@dataclass(frozen=True)
class _Running:
    job_id: str
    process: ForkServerProcess


class Worker:
    """Runs jobs until SIGTERM or SIGINT; then it parks them, each at its last checkpoint, and ends."""

    def __init__(self, onion: Onion) -> None:
        self._onion = onion
        self._settings = onion.settings.worker
        self.name = self._settings.name
        self._running: list[_Running] = []
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._complaint = ""
        self._pool_heart_at = 0.0

    def run(self) -> None:
        """Work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["naomesh.scheduler.preload"])
        context.Process(target=int).start()  # the fork server warms up while we look around
        self._recover_own()
        heart = threading.Thread(target=self._beat, name="leases", daemon=True)
        heart.start()
        with get_client(sync_client=True) as client:
            while not self._stopping.is_set():
                self._attempt(lambda: self._round(client, context))
                sentinels = [running.process.sentinel for running in self._running]
                wait([*sentinels, self._wake_read], timeout=self._settings.poll_s)
        self._park_all()
        heart.join()

    # ------------------------------------------------------------------ one round

    def _round(self, client: SyncPrefectClient, context: ForkServerContext) -> None:
        self._reap()
        self._kill_cancelled()
        self._show_in_pool(client)
        for run_id in self._due(client):
            if len(self._running) >= self._settings.slots:
                return
            self._ask_and_start(client, context, run_id)

    def _due(self, client: SyncPrefectClient) -> list[UUID]:
        free = self._settings.slots - len(self._running)
        if free <= 0 or not self._somebody_waits():
            return []
        moment: Any = now("UTC")
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[TAG]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=moment),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=free,
        )
        return [run.id for run in runs]

    def _somebody_waits(self) -> bool:
        """A look into our own table costs a hundredth of a question to Orion."""
        with self._onion.database.read() as connection:
            return JobState.WAITING in jobs.counts(connection)

    def _ask_and_start(self, client: SyncPrefectClient, context: ForkServerContext, run_id: UUID) -> None:
        try:
            state = propose_state_sync(client, Pending(), flow_run_id=run_id)
        except Abort as refusal:  # another worker was quicker, or the job has ended
            log.info("run %s: %s", run_id, refusal)
            return
        if not state.is_pending():
            log.info("run %s waits: %s", run_id, state.message)
            return
        with self._onion.database.write() as connection:
            job = jobs.by_flow_run(connection, str(run_id))
            if job is None:
                return
            lease_s = self._settings.lease_s
            token = leases.take(connection, job.job_id, self.name, now=utc_now(), lease_s=lease_s)
        if token is None:
            return
        process = context.Process(target=child.run, args=(str(run_id), token), name=f"job-{job.job_id}")
        process.start()
        self._running.append(_Running(job.job_id, process))
        log.info("job %s started (process %s)", job.job_id, process.pid)

    def _reap(self) -> None:
        for running in [running for running in self._running if not running.process.is_alive()]:
            running.process.join()
            _kill_group(running.process)  # steps that outlived their flow
            code = running.process.exitcode
            why = "the worker was stopped" if self._stopping.is_set() else f"its process ended ({code})"
            with self._onion.database.write() as connection:
                job = jobs.find(connection, running.job_id)
                if job is not None and job.lease_worker == self.name:
                    recovery.let_go(connection, job, utc_now(), why, crashed=not self._stopping.is_set())
            self._running.remove(running)
            log.info("job %s: %s", running.job_id, why)

    def _kill_cancelled(self) -> None:
        if not self._running:
            return
        with self._onion.database.read() as connection:
            cancelled = {job.job_id for job in jobs.listed(connection, [JobState.CANCELLING])}
        for running in self._running:
            if running.job_id in cancelled:
                log.info("job %s is cancelled", running.job_id)
                _kill_group(running.process)
                self._onion.nodes.release(running.job_id)

    def _show_in_pool(self, client: SyncPrefectClient) -> None:
        if time.monotonic() - self._pool_heart_at < POOL_HEART_S:
            return
        try:
            client.request(
                "POST",
                "/work_pools/{work_pool_name}/workers/heartbeat",
                path_params={"work_pool_name": WORK_POOL},
                json={"name": self.name, "heartbeat_interval_seconds": POOL_HEART_S},
            )
        except PrefectHTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:  # the keeper has yet to make the pool
                return
            raise
        self._pool_heart_at = time.monotonic()

    # ------------------------------------------------------------------ life and death

    def _beat(self) -> None:
        """Say that we are there, and keep our leases."""
        while True:
            try:
                with self._onion.database.write() as connection:
                    moment, settings = utc_now(), self._settings
                    site.see_worker(connection, self.name, slots=settings.slots, node=self.name, now=moment)
                    held = [running.job_id for running in list(self._running)]
                    leases.renew(connection, self.name, held, now=moment, lease_s=settings.lease_s)
            except NaomeshError as error:
                log.warning("leases were not renewed: %s", error)
            if self._stopping.wait(min(HEART_S, self._settings.lease_s / 4)):
                return

    def _recover_own(self) -> None:
        """What we held in a former life has no process any more."""
        with self._onion.database.write() as connection:
            lost = recovery.recover(connection, utc_now(), own=self.name)
        for job in lost:
            self._onion.nodes.release(job.job_id)
            log.info("job %s goes on from its last checkpoint", job.job_id)

    def _park_all(self) -> None:
        """A checkpoint per step: losing the running one is cheap."""
        for running in self._running:
            _kill_group(running.process)
        deadline = time.monotonic() + STOP_S
        while self._running and time.monotonic() < deadline:
            wait([running.process.sentinel for running in self._running], timeout=0.5)
            self._attempt(self._reap)
        with contextlib.suppress(NaomeshError), self._onion.database.write() as connection:
            site.lose_worker(connection, self.name)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        os.write(self._wake_write, b"x")

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (NaomeshError, PrefectException, httpx.HTTPError) as error:
            complaint = f"{type(error).__name__}: {error}"
            if complaint != self._complaint:
                log.warning("%s", complaint)
                self._complaint = complaint


def _kill_group(process: ForkServerProcess) -> None:
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    # before it has made its own group, the child is killed alone
    with contextlib.suppress(ProcessLookupError, ValueError):
        process.kill()
