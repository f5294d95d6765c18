"""The folder in which one Onion keeps its state, and the lock that keeps a second one out."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from naomesh.errors import OnionError, StorageError
from naomesh.settings import HomeSettings


@dataclass(frozen=True)
class Home:
    """Every path below an Onion's home, and the address of its own database.

    naomesh.db      our tables (unless NAOMESH_DATABASE_URL names a PostgreSQL)
    objects/        photographs, checkpoints, results (the folder store)
    work/<job>/     workspaces of the local node
    logs/           logs of the roles, and of each job's steps
    prefect/        Orion's own state
    onion.json      where the running Onion listens
    """

    root: Path
    database_url: str

    @classmethod
    def of(cls, settings: HomeSettings) -> Home:
        """The home that the settings name."""
        return cls.at(settings.home, settings.database_url)

    @classmethod
    def at(cls, root: Path, database_url: str = "") -> Home:
        """A home in a folder of its own choice."""
        root = root.absolute()
        return cls(root, database_url or f"sqlite:///{root / 'naomesh.db'}")

    @property
    def objects(self) -> Path:
        """The folder store."""
        return self.root / "objects"

    @property
    def work(self) -> Path:
        """Workspaces of the local node."""
        return self.root / "work"

    @property
    def prefect(self) -> Path:
        """Orion's state (its PREFECT_HOME)."""
        return self.root / "prefect"

    def role_log(self, role: str) -> Path:
        """The log of one role of the Onion."""
        return self.root / "logs" / f"{role}.log"

    def step_log(self, job_id: str, number: int, name: str) -> Path:
        """The log of one step of one job."""
        return self.job_logs(job_id) / f"{number:02d}-{name}.log"

    def job_logs(self, job_id: str) -> Path:
        """The folder of a job's logs."""
        return self.root / "logs" / "jobs" / job_id

    def prepare(self) -> None:
        """Make the folders.

        :raises StorageError: the folder cannot be written (`home-unwritable`).
        """
        self._make(self.root, self.objects, self.work, self.prefect, self.root / "logs")

    # ------------------------------------------------------------------ who is at home

    def lock(self, role: str) -> IO[str]:
        """Take a role in this home; the lock lasts as long as the returned file is open.

        :raises OnionError: another Onion has it (`home-in-use`).
        :raises StorageError: the folder cannot be written (`home-unwritable`).
        """
        self._make(self.root)
        file = (self.root / f"{role}.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise OnionError(
                f"another Onion{f' (process {holder})' if holder else ''} already uses {self.root}.",
                mend="Stop it first, or set NAOMESH_HOME to another folder.",
                code="home-in-use",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def in_use(self) -> bool:
        """Whether an Onion is running on this home: one whose Orion is."""
        if not (self.root / "orion.lock").exists():
            return False
        with (self.root / "orion.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def announce(self, **facts: Any) -> None:
        """Write down where the running Onion listens."""
        temporary = self.root / "onion.json.new"
        temporary.write_text(json.dumps(facts))
        temporary.replace(self.root / "onion.json")

    def announced(self) -> dict[str, Any]:
        """What the running Onion announced; empty when none did."""
        try:
            facts = json.loads((self.root / "onion.json").read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def _make(self, *folders: Path) -> None:
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the folder {self.root} cannot be used: {error.strerror}.",
                mend="Choose another one, or give yourself the right to write there.",
                code="home-unwritable",
            ) from error
