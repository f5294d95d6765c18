"""One job with an Onion of its own, until it is done: what `run` and `demo` share.

The state lives under OUT, so that the same command goes on where the last one stopped, in whatever way it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from naomesh.bootstrap import Onion, utc_now
from naomesh.cli import homes, intake
from naomesh.cli.failures import failure_of
from naomesh.cli.follow import follow, progress, say, waiting
from naomesh.cli.intake import Intake
from naomesh.cli.options import Deadline
from naomesh.cli.outfolder import OutFolder, RunRecord
from naomesh.cli.signals import stopping_cleanly
from naomesh.errors import NaomeshError, PhotosError, UsageError
from naomesh.jobs.job import Job, results_prefix
from naomesh.jobs.states import ENDED, JobState
from naomesh.scheduler import desk
from naomesh.storage import jobs, site
from naomesh.supervisor import Supervisor

WORKER_S = 20.0
"""How long to wait for the worker before saying that the job waits."""


@dataclass(frozen=True)
class Request:
    """What was typed."""

    photos: Path
    out: Path
    energy: str
    quality: str
    deadline: Deadline
    as_json: bool = False
    demo: bool = False

    def record(self, found: Intake, photos_fingerprint: str) -> RunRecord:
        """The job that this command means."""
        return RunRecord(
            job_id=desk.new_job_id(),
            photos=photos_fingerprint,
            energy=self.energy,
            quality=self.quality,
            deadline=self.deadline.text,
            engine=found.engine,
            until=found.deadline.isoformat(),
            demo=self.demo,
        )


@dataclass(frozen=True)
class Ended:
    """How it ended: the job, the results in OUT, and whether there was nothing to do."""

    onion: Onion
    job: Job
    files: list[Path]
    before: bool

    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "job_id": self.job.job_id,
            "state": self.job.status,
            "already_finished": self.before,
            "files": [str(path) for path in self.files],
            "receipt": self.job.receipt,
        }


def run_embedded(request: Request) -> Ended:
    """Compute one job, or go on with it, and put its results into OUT.

    :raises NaomeshError: it was refused (nothing is left behind then), or it failed.
    :raises Stopped: somebody stopped it.
    """
    folder = OutFolder(request.out.absolute())
    _require_apart(request.photos, folder.out)
    known = folder.record()
    onion = Onion.at(folder.state)
    homes.require_startable(onion, orion=False)  # its port is a free one
    with waiting("looking at the photos", as_json=request.as_json, told=False):
        found = intake.look_at(onion, request.photos, request.energy, request.quality, request.deadline)
        wanted = request.record(found, intake.fingerprint(list(found.survey.paths)))
    if known is not None:
        folder.require_same(known, wanted)
        done = _finished(onion, folder, known)
        if done is not None:
            return done
    for line in found.lines():
        say(line, as_json=request.as_json)
    with stopping_cleanly("stopped; the same command goes on from the last finished step."):
        return _compute(request, onion, folder, found, known or wanted)


def _require_apart(photos: Path, out: Path) -> None:
    if out.exists() and photos.exists() and photos.samefile(out):
        raise UsageError("the results cannot go into the folder of the photos.", mend="Name another folder with -o.")


def _finished(onion: Onion, folder: OutFolder, record: RunRecord) -> Ended | None:
    """What is there already, when the job has finished; results that were removed from OUT come back."""
    job = _find(onion, record)
    if job is None or job.state is not JobState.FINISHED:
        return None
    names = result_names(onion, job)
    if not all((folder.out / name).is_file() for name in names):
        desk.fetch(onion, job.job_id, folder.out)
    return Ended(onion, job, [folder.out / name for name in names], before=True)


def result_names(onion: Onion, job: Job) -> list[str]:
    """The files of a finished job's folder."""
    prefix = results_prefix(job.pictures_obj_key)
    return [key.removeprefix(prefix) for key, _size in onion.store.list(prefix)]


def _find(onion: Onion, record: RunRecord) -> Job | None:
    if not homes.exists(onion):
        return None
    with onion.database.read() as connection:
        return jobs.find(connection, record.job_id)


def _compute(request: Request, onion: Onion, folder: OutFolder, found: Intake, record: RunRecord) -> Ended:
    shown = progress(as_json=request.as_json)
    folder.make()
    supervisor = Supervisor(onion, on_event=shown.note, port=0, environment={"NAOMESH_WORKER_SLOTS": "1"})
    taken = False
    try:
        supervisor.start()
        taken = True
        job = _take(request, onion, folder, found, record)
        with waiting("starting Orion and a worker", as_json=request.as_json):
            _wait_for_worker(onion, supervisor)
        with shown:
            job = follow(onion, job.job_id, shown, tick=supervisor.watch, synced=True)
    finally:
        supervisor.stop()
        if taken and _find_quietly(onion, record) is None:
            onion.database.close()
            folder.forget()
    if job.state is JobState.FINISHED:
        return Ended(onion, job, desk.fetch(onion, job.job_id, folder.out), before=False)
    raise _failure(onion, folder, job)


def _take(request: Request, onion: Onion, folder: OutFolder, found: Intake, record: RunRecord) -> Job:
    """The job of this folder: a new one, the one that is there, or the one that failed, once more."""
    job = _find(onion, record)
    if job is None:
        folder.write(record)
        with waiting("copying the photos", as_json=request.as_json, told=False):
            return desk.submit(onion, found.survey, found.politic, record.deadline_time, job_id=record.job_id)
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        say(f"the job {job.status} before; it goes on from its last finished step", as_json=request.as_json)
        return desk.retry(onion, job.job_id)
    if job.state not in ENDED:
        say("going on with the job that is here", as_json=request.as_json)
    return job


def _find_quietly(onion: Onion, record: RunRecord) -> Job | None:
    try:
        return _find(onion, record)
    except NaomeshError:  # the error that brought us here says more
        return None


def _wait_for_worker(onion: Onion, supervisor: Supervisor) -> None:
    supervisor.wait_ready()
    until = time.monotonic() + WORKER_S
    while time.monotonic() < until:
        with onion.database.read() as connection:
            if site.slots(connection, utc_now()):
                return
        supervisor.watch()
        time.sleep(0.1)


def _failure(onion: Onion, folder: OutFolder, job: Job) -> NaomeshError:
    """The error of a failed job. Photos that cannot make a model leave nothing behind: a retry would not help."""
    error = failure_of(job)
    if isinstance(error, PhotosError):
        onion.database.close()
        folder.forget()
    elif not error.mend:
        error.mend = "The same command goes on from the last finished step."
    return error


def print_results(ended: Ended, out: Path) -> None:
    """Name what was made."""
    if ended.before:
        click.echo(f"already finished, {_ago(ended.job)}: same photos, same options")
    for name, what in (("model.glb", "model"), ("preview.png", "preview"), ("receipt.json", "receipt")):
        if (out / name).is_file():
            click.echo(f"{what:<8} {out / name}")
    if ended.job.receipt is not None:
        click.echo(f"energy   {_energy(ended.job.receipt)}")


def _energy(receipt: Mapping[str, Any]) -> str:
    totals, modelled = receipt["totals"], receipt["energy_source"]["modelled"]
    whole_wh, solar_wh = totals["energy_wh"], totals["solar_wh"]
    share = f", {100 * solar_wh / whole_wh:.0f} % of it sun" if whole_wh > 0 else ""
    return f"{whole_wh:.2f} Wh{share}{' (modelled)' if modelled else ''}"


def _ago(job: Job) -> str:
    from naomesh.cli.wording import age

    now = utc_now()
    return f"{age(job.ended_at or now - timedelta(), now)} ago"
