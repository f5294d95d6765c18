"""A node: a machine that a job has to itself for a while, with a workspace on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from naomesh.engines.base import Command, NodeFiles, Outcome
from naomesh.storage.objects import ObjectStore


@dataclass(frozen=True)
class Capacity:
    """What one node offers a job: threads, memory and free disk in bytes."""

    threads: int
    memory_bytes: int
    disk_bytes: int


class Node(ABC):
    """A node that was acquired for one job. The workspace is empty at first and is gone after the release."""

    name: str
    threads: int
    memory_bytes: int
    disk_bytes: int
    """Free space for the workspace when the node was acquired."""
    files: NodeFiles

    @abstractmethod
    def run(self, command: Command, log: Path, on_line: Callable[[str], None]) -> Outcome:
        """Run a program in the workspace until it ends; standard output and error go to `log`, line by line, and to
        `on_line` as they come.

        :raises ResourceError: the node ran out of memory or disk (`out-of-memory`, `disk-full`).
        """

    @abstractmethod
    def pull(self, store: ObjectStore, key: str, path: str) -> None:
        """Bring one object into the workspace."""

    @abstractmethod
    def push(self, store: ObjectStore, path: str, key: str) -> None:
        """Put one file of the workspace into the object store."""


class NodeProvider(ABC):
    """Where nodes come from, chosen by name in the settings (`naomesh.nodes.build`)."""

    name: str

    @abstractmethod
    def acquire(self, job_id: str) -> Node:
        """A node for the job, with an empty workspace; whatever an earlier life of the job left on it is removed."""

    @abstractmethod
    def capacity(self) -> Capacity:
        """What a node of this provider offers, as far as it is known before one is acquired."""

    @abstractmethod
    def release(self, job_id: str) -> None:
        """Let the job's node go and remove its workspace; nothing happens where there is none."""
