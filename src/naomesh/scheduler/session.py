"""One job in the hands of one process: everything that its flow writes goes through here, under its lease token."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from naomesh.bootstrap import Onion, utc_now
from naomesh.energy.ledger import modelled_power_w
from naomesh.engines import estimate
from naomesh.engines.base import Engine, Outcome, Progress, StepTask
from naomesh.errors import LeaseLost, NaomeshError, StorageError
from naomesh.jobs.job import STORING, Job
from naomesh.jobs.states import JobState
from naomesh.scheduler.child import TOKEN
from naomesh.storage import jobs, leases, steps

PROGRESS_S = 0.5
"""Progress is written down this often at most."""


@dataclass
class StepRecord:
    """What is filled in while a step runs, and written down when it ends."""

    outcome: Outcome | None = None
    disk_bytes: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


class JobSession:
    """Opened by the flow at its start. Methods raise LeaseLost as soon as another worker has the job."""

    def __init__(self, onion: Onion, job: Job, token: int) -> None:
        self.onion = onion
        self.job = job
        self.token = token
        self.engine: Engine = onion.engine(job.engine)
        with onion.database.read() as connection:
            self.done = steps.done_numbers(connection, job.job_id)
            self._history = steps.measured(connection, job.engine)
        self._task: StepTask | None = None
        self._progress_at = 0.0

    @classmethod
    def open(cls, job_id: str) -> JobSession:
        """Begin, or go on with, a granted job on behalf of the worker whose token stands in the environment.

        :raises LeaseLost: there is no token, or it does not hold.
        """
        onion = Onion.configured()
        token = int(os.environ.get(TOKEN, "0"))
        if not token:
            raise LeaseLost(f"nobody has leased job {job_id}.", mend="Runs are started by the Onion's worker.")
        now = utc_now()
        with onion.database.write() as connection:
            job = jobs.get(connection, job_id)
            jobs.move(
                connection,
                job_id,
                JobState.RUNNING,
                now=now,
                token=token,
                message="goes on" if job.started_at else "begins",
                started_at=job.started_at or now,
                last_started_at=now,
                step_idx=-1,
            )
            return cls(onion, jobs.get(connection, job_id), token)

    # ------------------------------------------------------------------ what is to be done

    def describe(self, task: StepTask) -> list[estimate.StepEstimate]:
        """Say what the steps have to work on; the estimate that follows from it is kept with the job."""
        self._task = task
        estimates = estimate.estimate(self.engine, task, self._history)
        self._change(expected_s=estimate.total(estimates).seconds, left_s=estimate.remaining(estimates, self.done))
        return estimates

    @property
    def task(self) -> StepTask:
        """What the steps have to work on."""
        if self._task is None:
            raise LookupError("the photographs were not prepared yet")
        return self._task

    # ------------------------------------------------------------------ what is done

    @contextmanager
    def step(self, number: int, name: str, node: str) -> Iterator[StepRecord]:
        """A step runs for as long as the block lasts; how it ended is written down, and when it ended well its
        checkpoint counts."""
        now = utc_now()
        power = self.onion.settings.node
        with self.onion.database.write() as connection:
            jobs.change(
                connection,
                self.job.job_id,
                token=self.token,
                step_idx=number,
                step_started_at=now,
                progress_done=0,
                progress_total=0,
                node=node,
            )
            jobs.record(connection, self.job.job_id, "step", f"{number} {name}", now)
            run_id = steps.begin(
                connection, self.job.job_id, number, name, token=self.token, node=node, draw_w=power.busy_w, now=now
            )
        record = StepRecord()
        try:
            yield record
        except BaseException:
            self._end_step(run_id, steps.FAILED, record)
            raise
        self._end_step(run_id, steps.DONE, record, number)

    def _end_step(self, run_id: int, how: str, record: StepRecord, number: int | None = None) -> None:
        power, outcome, now = self.onion.settings.node, record.outcome, utc_now()
        columns: dict[str, Any] = {"disk_bytes": record.disk_bytes, "facts": record.facts}
        if outcome is not None:
            threads = self._task.threads if self._task else 1
            draw_w = modelled_power_w(power.idle_w, power.busy_w, outcome.cpu_s, outcome.wall_s, threads)
            columns |= {"cpu_s": outcome.cpu_s, "peak_bytes": outcome.peak_bytes, "draw_w": draw_w}
        with self.onion.database.write() as connection:
            leases.check(connection, self.job.job_id, self.token)
            steps.end(connection, run_id, how, now=now, **columns)
            if number is not None and 0 <= number < STORING:
                self.done.add(number)
                self._learn(connection, number, record)
                estimates = estimate.estimate(self.engine, self.task, self._history)
                left_s = estimate.remaining(estimates, self.done)
                jobs.change(connection, self.job.job_id, left_s=left_s, crashes=0)

    def _learn(self, connection: Any, number: int, record: StepRecord) -> None:
        if record.outcome is None:
            return
        measured = estimate.Measured(
            engine=self.engine.name,
            step=number,
            quality=self.job.quality,
            photos=self.task.photos,
            megapixels=self.task.megapixels,
            node=self.job.node or "",
            wall_s=record.outcome.wall_s,
            peak_bytes=record.outcome.peak_bytes,
            disk_bytes=record.disk_bytes,
        )
        steps.measure(connection, measured, utc_now())

    def progress(self, progress: Progress) -> None:
        """How far the running step is. A database that is busy costs a look at the bar, not the step.

        :raises LeaseLost: another worker has the job.
        """
        now = time.monotonic()
        if now - self._progress_at < PROGRESS_S and progress.done < progress.total:
            return
        self._progress_at = now
        try:
            self._change(progress_done=progress.done, progress_total=progress.total)
        except StorageError:
            return

    # ------------------------------------------------------------------ how it ends

    def park(self, reason: str) -> None:
        """The job waits again, at its next step; the node has been released."""
        now = utc_now()
        self._move(
            JobState.WAITING, reason, wait_reason=reason, pauses=self.job.pauses + 1, last_paused_at=now, node=None
        )

    def fail(self, error: NaomeshError, step_idx: int) -> None:
        """The job has failed, at this step, for this reason."""
        self._move(
            JobState.FAILED,
            error.line(),
            error_code=error.code,
            error_message=str(error),
            error_step=step_idx,
            ended_at=utc_now(),
            node=None,
            flow_synced=False,
        )

    def _move(self, target: JobState, message: str, **columns: Any) -> None:
        with self.onion.database.write() as connection:
            jobs.move(connection, self.job.job_id, target, now=utc_now(), token=self.token, message=message, **columns)

    def _change(self, **columns: Any) -> None:
        with self.onion.database.write() as connection:
            jobs.change(connection, self.job.job_id, token=self.token, **columns)
