"""The gate: it asks the policy, and books what the policy grants in the same transaction.

Nothing here knows Prefect; `naomesh.orion.rules` puts these questions before Orion's transitions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from naomesh.errors import IllegalMove
from naomesh.jobs.job import Job
from naomesh.jobs.states import ENDED, JobState
from naomesh.orion import situation
from naomesh.policy.decide import at_boundary, choose, decide, explain
from naomesh.policy.model import Continue, Fleet, JobView, Pause, Rules, Start, Wait
from naomesh.storage import jobs
from naomesh.storage.database import Database

LOOK_AGAIN = timedelta(seconds=1)
"""Deadlines and dwell times come nearer though nothing changes."""


class Gate:
    """Decisions on one database. Each method is one transaction, and no two of them run side by side."""

    def __init__(self, database: Database, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock
        self._seen: tuple[object, ...] = ()
        self._looked_at = clock()

    def ask_start(self, flow_run_id: str) -> Start | Wait | None:
        """May this run start? A grant takes the job's expected draw out of the surplus at once.

        None where the run is not one of ours.

        :raises IllegalMove: its job has ended, or is being cancelled.
        """
        now = self._clock()
        with self._database.write() as connection:
            self._database.serialize(connection)
            job = jobs.by_flow_run(connection, flow_run_id)
            if job is None:
                return None
            if job.state is JobState.GRANTED:
                return Start("it was granted before")
            if job.state is not JobState.WAITING:
                raise IllegalMove(f"job {job.job_id} is {job.status}.")
            if job.held or job.lease_worker is not None:
                return Wait("somebody holds it")
            signals, fleet = situation.load(connection, now)
            decision = decide(signals, fleet, _own_view(fleet, job), self._rules)
            if isinstance(decision, Start):
                jobs.move(
                    connection, job.job_id, JobState.GRANTED, now=now, message=decision.reason, forced=decision.forced
                )
            elif decision.reason != job.wait_reason:
                jobs.change(connection, job.job_id, wait_reason=decision.reason)
            return decision

    def still_granted(self, flow_run_id: str) -> bool | None:
        """Whether a run that is about to begin still has its grant; None where the run is not one of ours."""
        with self._database.read() as connection:
            job = jobs.by_flow_run(connection, flow_run_id)
        return None if job is None else job.state is JobState.GRANTED

    def ask_boundary(self, flow_run_id: str) -> Continue | Pause | None:
        """May this run go on with its next step? None where the run is not one of ours."""
        now = self._clock()
        with self._database.write() as connection:
            self._database.serialize(connection)
            job = jobs.by_flow_run(connection, flow_run_id)
            if job is None:
                return None
            if job.state is not JobState.RUNNING:
                return Continue()
            signals, fleet = situation.load(connection, now)
            view = next(view for view in fleet.running if view.job_id == job.job_id)
            return at_boundary(signals, fleet, view, self._rules)

    def choose(self) -> list[tuple[str, str]]:
        """(flow run, reason) of the waiting jobs that would start now, in the order in which they should.

        Where nothing has changed since the last call, a second ago at most, the answer is empty without a look.
        """
        now = self._clock()
        with self._database.read() as connection:
            seen = situation.fingerprint(connection, now)
            if seen == self._seen and abs(now - self._looked_at) < LOOK_AGAIN:
                return []
            self._seen, self._looked_at = seen, now
            signals, fleet = situation.load(connection, now)
            if not fleet.waiting or not fleet.free:
                return []
            picked = choose(signals, fleet, self._rules)
            found = [(jobs.find(connection, view.job_id), start) for view, start in picked]
        return [(job.flow_run_id, start.reason) for job, start in found if job is not None and job.flow_run_id]

    def explain(self) -> dict[str, Wait | Start]:
        """What the policy says of each waiting job now, by job id, without granting anything."""
        with self._database.read() as connection:
            signals, fleet = situation.load(connection, self._clock())
        return explain(signals, fleet, self._rules)

    def hold(self, flow_run_id: str, *, held: bool) -> None:
        """A person paused the run by hand, or resumed it."""
        with self._database.write() as connection:
            job = jobs.by_flow_run(connection, flow_run_id)
            if job is not None and job.held != held:
                jobs.change(connection, job.job_id, held=held)
                what = "paused by hand" if held else "resumed by hand"
                jobs.record(connection, job.job_id, "held" if held else "freed", what, self._clock())

    def cancel(self, flow_run_id: str) -> None:
        """A person cancelled the run in Orion: our job follows."""
        with self._database.write() as connection:
            job = jobs.by_flow_run(connection, flow_run_id)
            if job is not None:
                cancel_job(connection, job, self._clock())


def cancel_job(connection: Connection, job: Job, now: datetime) -> None:
    """Cancel a job, or do nothing where it has ended."""
    if job.state in ENDED or job.state in (JobState.CANCELLING, JobState.DELETING):
        return
    target = JobState.CANCELLED if job.state is JobState.WAITING else JobState.CANCELLING
    jobs.move(connection, job.job_id, target, now=now, message="on request", flow_synced=False)


def _own_view(fleet: Fleet, job: Job) -> JobView:
    for view in fleet.waiting:
        if view.job_id == job.job_id:
            return view
    raise IllegalMove(f"job {job.job_id} does not wait.")
