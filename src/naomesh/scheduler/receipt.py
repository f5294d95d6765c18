"""Closing the ledger: from the runs of a job's steps and the readings of the sun to its receipt."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from naomesh.bootstrap import utc_now
from naomesh.energy.ledger import Split, Use, split
from naomesh.jobs.job import STORING, Job, results_prefix
from naomesh.jobs.receipt import LeftOut, Photos, Receipt, SourceUsed, StepUse, Waiting
from naomesh.jobs.states import JobState
from naomesh.scheduler.session import JobSession
from naomesh.storage import jobs, leases, site, steps
from naomesh.storage.steps import StepRun


def finish(session: JobSession) -> None:
    """Write the receipt beside the results and finish the job, in that order: a crash in between only does it again."""
    job, database = session.job, session.onion.database
    now = utc_now()
    with database.read() as connection:
        closed = close(connection, jobs.get(connection, job.job_id), now, method(session)).to_dict()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "receipt.json"
        file.write_text(json.dumps(closed, indent=2, ensure_ascii=False) + "\n")
        session.onion.store.put(file, f"{results_prefix(job.pictures_obj_key)}receipt.json")
    with database.write() as connection:
        leases.check(connection, job.job_id, session.token)
        jobs.move(
            connection,
            job.job_id,
            JobState.FINISHED,
            now=now,
            token=session.token,
            message="results stored",
            receipt=closed,
            ended_at=now,
            left_s=0,
            node=None,
            step_idx=STORING,
            flow_synced=False,
        )


def close(connection: Connection, job: Job, now: datetime, energy_method: str) -> Receipt:
    """A job's receipt as of `now`. The sun is shared with every other job that ran at the same time."""
    runs = steps.of_job(connection, job.job_id)
    start = min((run.started_at for run in runs), default=now)
    others = steps.overlapping(connection, job.job_id, start, now)
    production = site.production(connection, start, now)
    uses = [Use(run.started_at, run.ended_at or now, run.draw_w) for run in (*runs, *others)]
    splits = split(production, uses, max_age_s=site.SAMPLE_HOLDS_S)[: len(runs)]
    source, modelled = site.source(connection)
    photos = job.photos or {}
    facts = _facts(runs)
    return Receipt(
        job_id=job.job_id,
        politic=job.politic,
        engine=job.engine,
        photos=Photos(
            given=photos.get("given", job.photos_given),
            used=photos.get("used", 0),
            left_out=tuple(LeftOut(left["name"], left["reason"]) for left in photos.get("left_out", ()))
            + tuple(LeftOut(name, "it found no place in the model") for name in facts.get("left_out", ())),
        ),
        submitted=job.submitted_at,
        deadline=job.deadline,
        registered=facts.get("registered", 0),
        points=facts.get("points", 0),
        faces=facts.get("faces", 0),
        steps=tuple(_steps(runs, splits)),
        waiting=_waiting(job, runs),
        energy_source=SourceUsed(source, modelled),
        energy_method=energy_method,
        started=job.started_at,
        ended=now,
    )


def method(session: JobSession) -> str:
    """How the energy was got, in one sentence."""
    power = session.onion.settings.node
    return (
        f"modelled: {power.idle_w:g} W when idle, {power.busy_w:g} W with all cores busy, in proportion to the CPU time"
    )


def _steps(runs: list[StepRun], splits: list[Split]) -> list[StepUse]:
    """One entry per step, in order of their first run; times of the last attempt, energy of them all."""
    found: dict[int, list[tuple[StepRun, Split]]] = {}
    for run, energy in zip(runs, splits, strict=True):
        found.setdefault(run.number, []).append((run, energy))
    return [_step(attempts) for attempts in found.values()]


def _step(attempts: list[tuple[StepRun, Split]]) -> StepUse:
    last = attempts[-1][0]
    return StepUse(
        number=last.number,
        name=last.name,
        attempts=len(attempts),
        started=last.started_at,
        ended=last.ended_at or last.started_at,
        wall_s=last.wall_s,
        cpu_s=last.cpu_s,
        peak_bytes=max(run.peak_bytes for run, _energy in attempts),
        energy_wh=sum(energy.energy_wh for _run, energy in attempts),
        solar_wh=sum(energy.solar_wh for _run, energy in attempts),
        grid_wh=sum(energy.grid_wh for _run, energy in attempts),
        node=last.node,
    )


def _facts(runs: list[StepRun]) -> dict[str, Any]:
    """What the steps counted; a later step's count of the same thing replaces an earlier one's."""
    facts: dict[str, Any] = {}
    for run in runs:
        if run.outcome == steps.DONE:
            facts |= run.facts
    return facts


def _waiting(job: Job, runs: list[StepRun]) -> Waiting:
    """Parked is whatever lies between the request and now and was not spent on a node."""
    busy_s = sum(run.wall_s for run in runs)
    lived_s = ((runs[-1].ended_at or runs[-1].started_at) - job.submitted_at).total_seconds() if runs else 0.0
    return Waiting(sun_s=max(0.0, lived_s - busy_s), pauses=job.pauses)
