"""The photogrammetry flow: setup node, the steps of the engine's table one after the other, results.

Finished steps are skipped, so the same flow begins a job, goes on after a pause, and goes on after a crash.
"""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import Pause

from naomesh.engines.base import Step
from naomesh.errors import JobError, LeaseLost, NaomeshError
from naomesh.jobs.job import PREPARING, STORING
from naomesh.nodes.base import Node
from naomesh.orion.names import FLOW
from naomesh.scheduler import boundary, stages
from naomesh.scheduler.session import JobSession


@flow(name=FLOW, validate_parameters=False, persist_result=False, retries=0)
def photogrammetry(job_id: str) -> None:
    """Compute one job, from where it stands."""
    session = JobSession.open(job_id)
    step_idx = PREPARING
    try:
        node = setup_node(session)
        for count, step in enumerate(step for step in session.engine.steps if step.number not in session.done):
            if count and (parked := boundary.ask()) is not None:
                session.onion.nodes.release(job_id)
                session.park(parked.message or "paused by hand")
                raise Pause(state=parked)
            step_idx = step.number
            run_step.with_options(task_run_name=f"{step.number} {step.name}")(session, node, step)
        step_idx = STORING
        push_results(session, node)
    except LeaseLost:
        raise  # whoever has the job now has its node too
    except NaomeshError as error:
        session.onion.nodes.release(job_id)
        session.fail(error, step_idx)
        raise
    except Exception as error:
        session.onion.nodes.release(job_id)
        log = session.onion.home.role_log("worker")
        told = JobError(f"a defect of Naomesh: {type(error).__name__}: {error}.", mend=f"See {log}.", code="defect")
        session.fail(told, step_idx)
        raise


@task(name="setup-node", cache_policy=NO_CACHE, persist_result=False)
def setup_node(session: JobSession) -> Node:
    """Acquire a node; photographs and checkpoints arrive there."""
    return stages.prepare(session)


@task(name="step", cache_policy=NO_CACHE, persist_result=False)
def run_step(session: JobSession, node: Node, step: Step) -> None:
    """Run one step, check what it wrote, keep it as a checkpoint."""
    stages.compute(session, node, step)


@task(name="push-results", cache_policy=NO_CACHE, persist_result=False)
def push_results(session: JobSession, node: Node) -> None:
    """Store the results, close the ledger, release the node."""
    stages.store(session, node)
