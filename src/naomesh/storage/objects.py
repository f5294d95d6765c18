"""Photographs, checkpoints and results: objects with keys, in a folder (or, later, a bucket)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path


class ObjectStore(ABC):
    """Keys are paths with forward slashes, without a leading one: `job<ID>/uploads/a photo.jpg`.

    Every method streams: no object is ever held in memory whole.
    """

    @abstractmethod
    def put(self, source: Path, key: str) -> None:
        """Store a file under `key`, whole or not at all.

        :raises StorageError: the key climbs out of the store (`bad-key`).
        :raises ResourceError: the disk is full (`disk-full`).
        """

    @abstractmethod
    def get(self, key: str, target: Path) -> None:
        """Write the object to `target`, whole or not at all.

        :raises StorageError: there is no such object (`no-object`).
        """

    @abstractmethod
    def list(self, prefix: str) -> list[tuple[str, int]]:
        """(key, bytes) of all objects whose key starts with `prefix`, in order of key."""

    @abstractmethod
    def delete(self, prefix: str) -> None:
        """Remove all objects whose key starts with `prefix`; nothing happens where there is none."""
