"""What the flow's tasks do: prepare a node, compute a step, store the results. Nothing here knows Prefect."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from naomesh.engines import estimate
from naomesh.engines.base import Command, Outcome, Progress, Step, StepTask
from naomesh.engines.messages import error_in, progress_in
from naomesh.errors import NaomeshError, ResourceError, StepFailed, StorageError
from naomesh.jobs.job import PREPARING, STORING, checkpoints_prefix, logs_prefix, results_prefix
from naomesh.nodes.base import Node
from naomesh.scheduler import receipt
from naomesh.scheduler.session import JobSession, StepRecord
from naomesh.storage import jobs

PREPARE = "prepare"
STORE = "store"


def prepare(session: JobSession) -> Node:
    """A node with the photographs, and with the checkpoints of the finished steps, on it.

    :raises PhotosError: too few of the photographs can be used.
    :raises ResourceError: the node is too small for the job.
    """
    job, store = session.job, session.onion.store
    node = session.onion.nodes.acquire(job.job_id)
    with session.step(PREPARING, PREPARE, node.name) as record:
        uploads = f"{job.pictures_obj_key.strip('/')}/"
        found = store.list(uploads)
        for done, (key, _size) in enumerate(found, start=1):
            node.pull(store, key, f"uploads/{_upload_name(key.removeprefix(uploads))}")
            session.progress(Progress(done, len(found)))
        command = Command((sys.executable, "-m", "naomesh.engines.photos", "--threads", str(node.threads)))
        _run(session, node, command, PREPARING, PREPARE, record)
        photos = json.loads(node.files.read("photos.json", limit=1 << 28))
        estimates = session.describe(_task(session, node, photos))
        _remember_photos(session, photos, len(found))
        missing = session.engine.missing(node.files)
        if missing:
            raise ResourceError(f"{node.name} lacks {missing}.", code="engine-missing")
        left = [row for row in estimates if row.step.number not in session.done]
        if left:
            estimate.require_resources(left, session.task, memory_bytes=node.memory_bytes, disk_bytes=node.disk_bytes)
        for step in session.engine.steps:
            if step.number in session.done:
                _restore(session, node, step)
    return node


def compute(session: JobSession, node: Node, step: Step) -> None:
    """One step: run it, check what it wrote, put that into the object store."""
    with session.step(step.number, step.name, node.name) as record:
        command = session.engine.command(step, session.task)
        outcome = _run(session, node, command, step.number, step.name, record, engine_step=step)
        record.facts = session.engine.check(step, session.task, node.files, outcome)
        prefix = checkpoints_prefix(session.job.pictures_obj_key, step.number)
        session.onion.store.delete(prefix)
        for path in _outputs(node, step):
            node.push(session.onion.store, path, f"{prefix}{path}")
            record.disk_bytes += node.files.size(path) or 0


def store(session: JobSession, node: Node) -> None:
    """Turn what the engine made into what the user gets, and finish the job."""
    job, objects = session.job, session.onion.store
    with session.step(STORING, STORE, node.name) as record:
        _run(session, node, session.engine.export(), STORING, STORE, record)
        prefix = results_prefix(job.pictures_obj_key)
        objects.delete(prefix)
        for path in node.files.glob("results/**"):
            node.push(objects, path, f"{prefix}{path.removeprefix('results/')}")
            record.disk_bytes += node.files.size(path) or 0
    session.onion.nodes.release(job.job_id)
    receipt.finish(session)


def _run(
    session: JobSession,
    node: Node,
    command: Command,
    number: int,
    name: str,
    record: StepRecord,
    engine_step: Step | None = None,
) -> Outcome:
    """Run a command on the node; for an engine's step its check says whether it went well, for ours the exit code."""
    job = session.job
    log = session.onion.home.step_log(job.job_id, number, name)
    said: list[NaomeshError] = []

    def listen(line: str) -> None:
        seen = progress_in(line) if engine_step is None else session.engine.progress(engine_step, line)
        if seen is not None:
            session.progress(seen)
        if engine_step is None and (error := error_in(line)) is not None:
            said.append(error)

    begun = time.monotonic()
    try:
        record.outcome = node.run(command, log, listen)
    except ResourceError:
        record.outcome = Outcome(1, time.monotonic() - begun, 0.0, 0)
        raise
    finally:
        if log.exists():
            session.onion.store.put(log, f"{logs_prefix(job.pictures_obj_key)}{log.name}")
    if said:
        raise said[-1]
    if engine_step is None and record.outcome.exit_code:
        last = record.outcome.tail[-1] if record.outcome.tail else "it said nothing"
        raise StepFailed(f"{name} ended with exit code {record.outcome.exit_code}: {last}.")
    return record.outcome


def _task(session: JobSession, node: Node, photos: dict[str, Any]) -> StepTask:
    used = photos["used"]
    focals = sorted(photo["focal_px"] for photo in used if photo.get("focal_px"))
    return StepTask(
        quality=session.job.quality,
        photos=len(used),
        megapixels=sum(photo["width"] * photo["height"] for photo in used) / 1e6,
        threads=node.threads,
        memory_bytes=node.memory_bytes,
        focal_px=focals[len(focals) // 2] if focals else _usual_focal_px(used),
    )


def _usual_focal_px(used: list[dict[str, Any]]) -> float:
    """1.2 times the longer side: the focal length of an ordinary lens, as COLMAP assumes it."""
    return 1.2 * float(max(max(photo["width"], photo["height"]) for photo in used))


def _remember_photos(session: JobSession, photos: dict[str, Any], given: int) -> None:
    summary = {"given": given, "used": len(photos["used"]), "left_out": photos["left_out"]}
    with session.onion.database.write() as connection:
        jobs.change(connection, session.job.job_id, token=session.token, photos=summary, photos_given=given)


def _restore(session: JobSession, node: Node, step: Step) -> None:
    prefix = checkpoints_prefix(session.job.pictures_obj_key, step.number)
    found = session.onion.store.list(prefix)
    if step.outputs and not found:
        raise StorageError(
            f"the checkpoint of step {step.number} {step.name} of job {session.job.job_id} is gone.",
            mend="Delete the job and submit its photographs again.",
            code="checkpoint-gone",
        )
    for key, _size in found:
        node.pull(session.onion.store, key, key.removeprefix(prefix))


def _outputs(node: Node, step: Step) -> list[str]:
    return sorted({path for pattern in step.outputs for path in node.files.glob(pattern)})


def _upload_name(key: str) -> str:
    """A file name that `unquote` turns back; letters of all scripts stay, since encoded they would grow too long."""
    return key.replace("%", "%25").replace("/", "%2F")
