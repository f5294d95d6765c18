"""The states of a job and its legal moves, in one table.

    waiting ──> granted ──> running ──> finished
       ^           │           │  └───> failed ──────┐
       └───────────┴───────────┘                     │ retry
       ^         (parked: no sun, pause, crash)      │
       └─────────────────────────────────────────────┘
    any of the first three ──> cancelling ──> cancelled;  any of the last three ──> deleting

A job that waits for its start and one that was paused between two steps are in the same state: there is one parked
state, and one way out of it, through the gate.
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life."""

    WAITING = "waiting"
    GRANTED = "granted"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETING = "deleting"


S = JobState

MOVES: dict[JobState, frozenset[JobState]] = {
    S.WAITING: frozenset({S.GRANTED, S.CANCELLED, S.FAILED}),
    S.GRANTED: frozenset({S.RUNNING, S.WAITING, S.CANCELLING, S.FAILED}),
    S.RUNNING: frozenset({S.WAITING, S.FINISHED, S.FAILED, S.CANCELLING}),
    S.CANCELLING: frozenset({S.CANCELLED}),
    S.FINISHED: frozenset({S.DELETING}),
    S.FAILED: frozenset({S.WAITING, S.DELETING}),
    S.CANCELLED: frozenset({S.WAITING, S.DELETING}),
    S.DELETING: frozenset(),
}

ENDED = frozenset({S.FINISHED, S.FAILED, S.CANCELLED})
ACTIVE = frozenset({S.GRANTED, S.RUNNING, S.CANCELLING})


def legal(source: JobState, target: JobState) -> bool:
    """Whether a job may go from `source` to `target`."""
    return target in MOVES[source]


def sources_of(target: JobState) -> frozenset[JobState]:
    """The states from which a job may go to `target`."""
    return frozenset(source for source, targets in MOVES.items() if target in targets)
