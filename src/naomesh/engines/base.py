"""An engine: a table of steps, and for each step the command that runs it and the check of what it wrote.

The engine itself runs on the worker and only describes: commands run on a node, through `naomesh.nodes`. All paths in
commands and outputs are relative to the job's workspace on the node, in which the command is started:

    uploads/            the photographs as they came (names percent-encoded), removed when photos/ is made
    photos/00000.jpg    upright 8-bit RGB, in the order of their names; EXIF kept where it matters
    photos.json         naomesh.engines.photos.PhotoReport: which were used, which were left out and why
    results/            what the user gets (naomesh.engines.export writes it after the last step)
"""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from naomesh.jobs.request import Quality

Fact = int | float | str | list[str]
Facts = dict[str, Fact]


@dataclass(frozen=True)
class Step:
    """One row of an engine's table. `outputs` are globs, relative to the workspace, of the files that make the
    step's checkpoint: all that later steps need and that did not exist, or has changed, since the step before."""

    number: int
    name: str
    title: str
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class StepTask:
    """What a step needs to know. `photos` were accepted, `megapixels` is their sum."""

    quality: Quality
    photos: int
    megapixels: float
    threads: int
    memory_bytes: int
    focal_px: float | None = None
    """Focal length to assume where EXIF has none, in pixels of the largest side's photograph."""


@dataclass(frozen=True)
class Command:
    """A program to run in the workspace. Secrets never stand in `argv`."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of the running step (photos, pairs, planes: whatever the step counts)."""

    done: float
    total: float


@dataclass(frozen=True)
class Cost:
    """What a step is expected to take on one node: wall seconds, peak resident memory and new disk in bytes."""

    seconds: float
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code (negative: the signal that killed it), wall and CPU seconds, peak resident
    memory of all its processes together in bytes, and the last lines of its log."""

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    tail: Sequence[str] = ()


class NodeFiles(ABC):
    """The files of a workspace, wherever the node is. Paths are relative to the workspace."""

    @abstractmethod
    def size(self, path: str) -> int | None:
        """Bytes of the file, or None where there is none."""

    @abstractmethod
    def read(self, path: str, limit: int = 1 << 20) -> bytes:
        """The first `limit` bytes of a file."""

    @abstractmethod
    def glob(self, pattern: str) -> list[str]:
        """The files that match, in order of name. `**` is understood."""

    def which(self, program: str) -> str | None:
        """Where the node finds a program on its PATH, None where it does not. A node that is not this machine looks
        for itself."""
        return shutil.which(program)


class Engine(ABC):
    """A photogrammetry engine, chosen by name in the settings (`naomesh.engines.build`)."""

    name: str
    steps: tuple[Step, ...]

    @abstractmethod
    def command(self, step: Step, task: StepTask) -> Command:
        """The program that runs `step`."""

    @abstractmethod
    def progress(self, step: Step, line: str) -> Progress | None:
        """What a line of the program's output says of its progress, None where it says nothing."""

    @abstractmethod
    def check(self, step: Step, task: StepTask, files: NodeFiles, outcome: Outcome) -> Facts:
        """What the step wrote, counted (registered photos, points, faces ...).

        :raises StepFailed: it did not write what it should have; the message is for a photographer.
        :raises PhotosError: the photographs are the cause (`photos-do-not-overlap`).
        :raises ResourceError: memory or disk ran out.
        """

    @abstractmethod
    def nominal(self, step: Step, task: StepTask) -> Cost:
        """The cost to expect where nothing was measured yet, on two cores of 2023."""

    def export(self) -> Command:
        """The program that turns what the last step wrote into `results/`."""
        return Command((sys.executable, "-m", "naomesh.engines.export"))

    def missing(self, files: NodeFiles) -> str:  # noqa: ARG002 - an engine of wheels alone never lacks anything
        """What the node lacks to run this engine, in words; empty when nothing is missing."""
        return ""

    def step(self, number: int) -> Step:
        """The row with that number."""
        return next(step for step in self.steps if step.number == number)
