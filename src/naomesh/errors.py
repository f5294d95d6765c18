"""Everything that Naomesh says no to.

NaomeshError                     exit code
├── UsageError                    2   the command or a setting is wrong
├── PhotosError                   3   the photographs cannot be used
├── ResourceError                 4   the machine has too little memory, disk, or time for the job
├── JobError                      5   a step failed, or the job cannot do what was asked of it
│   ├── StepFailed
│   ├── IllegalMove
│   └── LeaseLost
├── OnionError                    6   no Onion is running, or another one holds the folder or the port
├── EnergyError                   7   an energy source is wrong or silent
└── StorageError                  8   the database or the object store refused

Each error has a stable ``code`` (for programs), one message in words that says what is wrong and where, and a ``mend``
that says what to do. No message spans more than one line.
"""

from __future__ import annotations


class NaomeshError(Exception):
    """The root: what every command turns into one line and an exit code."""

    code = "naomesh"
    exit_code = 1

    def __init__(self, message: str, *, mend: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.mend = " ".join(mend.split())
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".strip()

    def line(self) -> str:
        """The one line that a person sees: ``error [code]: what is wrong. What to do.``"""
        return f"error [{self.code}]: {self}"


class UsageError(NaomeshError):
    """The command or a setting is wrong."""

    code = "usage"
    exit_code = 2


class PhotosError(NaomeshError):
    """The photographs cannot be used."""

    code = "photos"
    exit_code = 3


class ResourceError(NaomeshError):
    """The machine has too little memory, disk or time for the job."""

    code = "resources"
    exit_code = 4


class JobError(NaomeshError):
    """The job failed, or cannot do what was asked of it."""

    code = "job"
    exit_code = 5


class StepFailed(JobError):
    """A step ended badly, or did not write what it should have written."""

    code = "step-failed"


class IllegalMove(JobError):
    """A job was asked to move to a state that its present state does not lead to."""

    code = "illegal-move"


class LeaseLost(JobError):
    """Another worker has taken the job over: this one must not write any more."""

    code = "lease-lost"


class OnionError(NaomeshError):
    """No Onion is running, or another one holds the folder or the port."""

    code = "onion"
    exit_code = 6


class EnergyError(NaomeshError):
    """An energy source is wrong or silent."""

    code = "energy"
    exit_code = 7


class StorageError(NaomeshError):
    """The database or the object store refused."""

    code = "storage"
    exit_code = 8
