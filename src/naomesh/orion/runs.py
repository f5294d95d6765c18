"""Flow runs: how Orion is told of our jobs. Every call may be made again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Cancelled, Completed, Failed, Scheduled

from naomesh.bootstrap import Onion, utc_now
from naomesh.jobs.job import Job, checkpoints_prefix, job_prefix
from naomesh.jobs.states import JobState
from naomesh.orion.names import AWAITING_SUN, DEPLOYMENT, FAR, FLOW, TAG, WOKEN, WORK_POOL, WORKER_TYPE
from naomesh.storage import jobs

InThread = Callable[..., Any]
_deployment: list[UUID] = []


async def register(client: PrefectClient) -> None:
    """Make the flow, the work pool and the deployment under which our runs are seen in Prefect's UI."""
    flow_id = await client.create_flow_from_name(FLOW)
    with contextlib.suppress(ObjectAlreadyExists):
        await client.create_work_pool(
            WorkPoolCreate(name=WORK_POOL, type=WORKER_TYPE, description="Nodes of the Onion")
        )
    _deployment[:] = [
        await client.create_deployment(
            flow_id=flow_id,
            name=DEPLOYMENT,
            work_pool_name=WORK_POOL,
            tags=[TAG],
            description="Photographs in, a textured 3D model out, when the sun allows.",
        )
    ]


async def sync(client: PrefectClient, onion: Onion, job: Job, reason: str, in_thread: InThread) -> None:
    """Bring Orion's run of a job to where the job is, then note that it is there; `reason` says why it waits."""
    if job.state is JobState.DELETING:
        await _delete_run(client, job)
        await in_thread(_forget, onion, job)
        return
    run_id = job.flow_run_id
    try:
        if run_id is None:
            run_id = await _create(client, job, reason)
        elif (state := _state_for(job, reason)) is not None:
            run = await client.read_flow_run(UUID(run_id))
            if run.state is None or (run.state.type, run.state.name) != (state.type, state.name):
                await client.set_flow_run_state(UUID(run_id), state, force=True)
    except ObjectNotFound:
        run_id = None  # deleted in Orion: made again in the next round
    if job.state is JobState.FINISHED:
        await in_thread(onion.store.delete, checkpoints_prefix(job.pictures_obj_key))
    await in_thread(_note, onion, job, run_id)


async def wake(client: PrefectClient, run_id: str, reason: str) -> None:
    """Let a parked run be seen by the workers; a run that is not parked stays as it is."""
    await client.set_flow_run_state(UUID(run_id), Scheduled(name=WOKEN, message=reason, scheduled_time=utc_now()))


async def _create(client: PrefectClient, job: Job, reason: str) -> str:
    state = _state_for(job, reason) or _parked(reason)
    run = await client.create_flow_run_from_deployment(
        _deployment[0],
        parameters={"job_id": job.job_id},
        name=job.job_id,
        tags=[TAG, job.energy.value],
        idempotency_key=f"{job.job_id} {job.submitted_at.isoformat()}",
        state=state,
    )
    return str(run.id)


def _state_for(job: Job, reason: str) -> State | None:
    match job.state:
        case JobState.WAITING:
            return _parked(reason)
        case JobState.CANCELLED:
            return Cancelled(message="cancelled on request")
        case JobState.FAILED:
            return Failed(message=job.error_message or "failed")
        case JobState.FINISHED:
            return Completed(message="finished")
        case _:
            return None


def _parked(reason: str) -> State:
    return Scheduled(name=AWAITING_SUN, message=reason, scheduled_time=datetime.now(UTC) + timedelta(seconds=FAR))


async def _delete_run(client: PrefectClient, job: Job) -> None:
    if job.flow_run_id is not None:
        with contextlib.suppress(ObjectNotFound):
            await client.delete_flow_run(UUID(job.flow_run_id))


def _note(onion: Onion, job: Job, run_id: str | None) -> None:
    """The run is where the job was; if the job has moved meanwhile, the next round goes on."""
    with onion.database.write() as connection:
        now = jobs.find(connection, job.job_id)
        if now is None:
            return
        unchanged = now.state_since == job.state_since and now.state is job.state
        jobs.change(connection, job.job_id, flow_run_id=run_id, flow_synced=unchanged and run_id is not None)


def _forget(onion: Onion, job: Job) -> None:
    onion.store.delete(job_prefix(job.pictures_obj_key))
    onion.nodes.release(job.job_id)
    shutil.rmtree(onion.home.job_logs(job.job_id), ignore_errors=True)
    with onion.database.write() as connection:
        jobs.remove(connection, job.job_id)
