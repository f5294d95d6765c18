"""The decision: pure functions of signals, fleet and job. Nothing here reads a clock, a file or a network.

    surplus = production - draw of what runs - draw of what was granted and does not draw yet

A green job starts when the surplus covers its draw, or when the deadline guard says that it is time; it pauses at a
step boundary when the surplus is gone and its deadline allows a pause. A reading in doubt is no sun.
"""

from __future__ import annotations

from dataclasses import replace

from naomesh.policy.gate import Gate
from naomesh.policy.model import Continue, Fleet, JobView, Pause, Rules, Signals, Start, Wait


def decide(signals: Signals, fleet: Fleet, job: JobView, rules: Rules) -> Start | Wait:
    """May the parked `job` start (or go on) now?

    `job` may stand in `fleet.waiting`, or in `fleet.granted` when it asks a second time: it never counts against
    itself. The caller books a Start in `fleet.granted` before it asks for the next job.
    """
    return Gate(signals, _parked(fleet, job), rules).ask(job)


def at_boundary(signals: Signals, fleet: Fleet, job: JobView, rules: Rules) -> Continue | Pause:
    """May the running `job` go on with its next step? `fleet.running` holds the job itself."""
    return Gate(signals, _parked(fleet, job), rules).ask_to_go_on(job)


def choose(signals: Signals, fleet: Fleet, rules: Rules) -> list[tuple[JobView, Start]]:
    """Of `fleet.waiting` those to wake now: bypass first, then what is due, then the rest by their deadlines.

    Each grant is taken out of the surplus and of the free slots before the next is looked at, as if the jobs had
    asked `decide` one after the other in that order. O(n log n) in the number of waiting jobs.
    """
    gate = Gate(signals, fleet, rules)
    chosen = []
    for job in gate.queue():
        if gate.free < 1:
            break
        start = gate.start_of(job)
        if start is not None:
            gate.book(job)
            chosen.append((job, start))
    return chosen


def explain(signals: Signals, fleet: Fleet, rules: Rules) -> dict[str, Start | Wait]:
    """What `decide` answers for each of `fleet.waiting` if it asked first, by job id; one plan serves them all."""
    gate = Gate(signals, fleet, rules)
    return {job.job_id: gate.ask(job) for job in fleet.waiting}


def _parked(fleet: Fleet, job: JobView) -> Fleet:
    """The fleet with `job` among the waiting, once, and nowhere else."""

    def others(jobs: tuple[JobView, ...]) -> tuple[JobView, ...]:
        return tuple(other for other in jobs if other.job_id != job.job_id)

    return replace(
        fleet, running=others(fleet.running), granted=others(fleet.granted), waiting=(*others(fleet.waiting), job)
    )
