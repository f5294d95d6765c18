"""The keeper: what must go on beside the server. It reads the sun, tells Orion of each job's moves, wakes parked runs,
and takes back what dead workers held.

Our rows are the truth, and Orion is brought to agree with them: each of the keeper's rounds can be cut off anywhere
and simply be done again. It lives in Orion's process, so there is one of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectException

from naomesh.bootstrap import Onion, utc_now
from naomesh.errors import NaomeshError
from naomesh.jobs.job import Job
from naomesh.jobs.states import JobState
from naomesh.orion import runs, sun
from naomesh.orion.gate import Gate
from naomesh.scheduler import recovery
from naomesh.storage import jobs, site

log = logging.getLogger("naomesh.orion.keeper")
T = TypeVar("T")

TICK_S = 0.1
RECOVER_S = 1.0
PRUNE_S = 3600.0
WAKE_AGAIN_S = 2.0
"""A run that was woken and that no worker has asked for is woken again after so long."""
READINGS_KEPT = timedelta(days=90)
AT_ONCE = 4
"""Requests to Orion at the same time: its SQLite takes one write after the other anyway."""


class Keeper:
    """Start `run` as a task; it ends when it is cancelled."""

    def __init__(self, onion: Onion, gate: Gate) -> None:
        self._onion = onion
        self._gate = gate
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keeper")
        self._woken: dict[str, float] = {}
        self._complaint = ""

    async def run(self) -> None:
        """Keep house until cancelled."""
        with sun.watching(self._onion, self._onion.energy_source()):
            async with get_client() as client:
                await self._until_done(lambda: runs.register(client))
                rounds = (
                    self._every(TICK_S, lambda: self._sync(client)),
                    self._every(TICK_S, lambda: self._wake(client)),
                    self._every(RECOVER_S, self._recover),
                    self._every(PRUNE_S, self._prune),
                )
                await asyncio.gather(*rounds)

    async def _sync(self, client: PrefectClient) -> None:
        """Tell Orion of moves that it does not know of yet."""
        pending, reasons = await self._in_thread(self._read_unsynced)
        limit = asyncio.Semaphore(AT_ONCE)

        async def tell(job: Job) -> None:
            async with limit:
                await runs.sync(client, self._onion, job, reasons.get(job.job_id, ""), self._in_thread)

        await asyncio.gather(*(tell(job) for job in pending))

    async def _wake(self, client: PrefectClient) -> None:
        """Wake as many parked runs as the policy would start now."""
        picked = await self._in_thread(self._gate.choose)
        now = asyncio.get_running_loop().time()
        self._woken = {run_id: at for run_id, at in self._woken.items() if now - at < WAKE_AGAIN_S}
        fresh = [(run_id, reason) for run_id, reason in picked if run_id not in self._woken]
        self._woken |= dict.fromkeys((run_id for run_id, _reason in fresh), now)
        await asyncio.gather(*(self._wake_one(client, run_id, reason) for run_id, reason in fresh))

    async def _wake_one(self, client: PrefectClient, run_id: str, reason: str) -> None:
        try:
            log.info("wakes run %s: %s", run_id, reason)
            await runs.wake(client, run_id, reason)
        except ObjectNotFound:  # somebody deleted the run in Orion: the job gets a new one
            await self._in_thread(self._forget_run, run_id)

    async def _recover(self) -> None:
        await self._in_thread(self._recover_now)

    async def _prune(self) -> None:
        await self._in_thread(self._prune_now)

    # ------------------------------------------------------------------ in the thread

    def _read_unsynced(self) -> tuple[list[Job], dict[str, str]]:
        """Jobs that Orion has to hear of, and why those of them wait that do."""
        with self._onion.database.read() as connection:
            pending = jobs.unsynced(connection)
        if not any(job.state is JobState.WAITING for job in pending):
            return pending, {}
        return pending, {job_id: decision.reason for job_id, decision in self._gate.explain().items()}

    def _recover_now(self) -> None:
        with self._onion.database.write() as connection:
            recovery.recover(connection, utc_now())

    def _prune_now(self) -> None:
        with self._onion.database.write() as connection:
            site.forget_readings(connection, utc_now() - READINGS_KEPT)

    def _forget_run(self, run_id: str) -> None:
        with self._onion.database.write() as connection:
            job = jobs.by_flow_run(connection, run_id)
            if job is not None:
                jobs.change(connection, job.job_id, flow_run_id=None, flow_synced=False)

    # ------------------------------------------------------------------ rounds

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._attempt(work)
            await asyncio.sleep(seconds)

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        while not await self._attempt(work):
            log.debug("again")

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it; what fails is said once and tried again in the next round."""
        try:
            await work()
        except (NaomeshError, PrefectException, httpx.HTTPError) as error:
            complaint = f"{type(error).__name__}: {error}"
            if complaint != self._complaint:
                log.warning("%s", complaint)
                self._complaint = complaint
            await asyncio.sleep(0.5)
            return False
        return True
