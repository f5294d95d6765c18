"""The one place where the parts of an Onion are chosen by name and put together."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from naomesh.energy.base import EnergySource
from naomesh.engines.base import Engine
from naomesh.home import Home
from naomesh.nodes.base import NodeProvider
from naomesh.settings import EngineSettings, Settings
from naomesh.storage.database import Database
from naomesh.storage.objects import ObjectStore


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def say_with_time() -> None:
    """How the roles of an Onion write their logs: one line each on standard error, ours from INFO on."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger("naomesh")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False


@dataclass(frozen=True)
class Onion:
    """One Onion as its settings describe it; every part is made when it is first asked for."""

    home: Home
    settings: Settings

    @classmethod
    def configured(cls) -> Onion:
        """The Onion of the environment."""
        settings = Settings()
        return cls(Home.of(settings.home), settings)

    @classmethod
    def at(cls, root: Path) -> Onion:
        """An Onion with its state in `root`, otherwise as the environment says."""
        return cls(Home.at(root), Settings())

    @cached_property
    def database(self) -> Database:
        """Our tables."""
        return Database(self.home.database_url)

    @cached_property
    def store(self) -> ObjectStore:
        """Photographs, checkpoints and results."""
        from naomesh.storage.folder import FolderStore

        return FolderStore(self.home.objects)

    @cached_property
    def nodes(self) -> NodeProvider:
        """Where nodes come from."""
        from naomesh.nodes import build

        return build(self.settings, self.home.root)

    def engine(self, name: str | None = None) -> Engine:
        """The engine with that name, or the one of the settings."""
        from naomesh.engines import build

        settings: EngineSettings = self.settings.engine
        return build(settings if name is None else settings.model_copy(update={"name": name}))

    def energy_source(self) -> EnergySource | None:
        """Where the production is read, or None where nothing is set."""
        from naomesh.energy import build

        return build(self.settings.energy)

    def open(self) -> None:
        """Make the home and bring the database to today's schema.

        :raises StorageError: one of them refuses.
        """
        self.home.prepare()
        self.database.migrate()

    def environment(self) -> dict[str, str]:
        """What a process of this Onion finds in its environment."""
        return os.environ | {"NAOMESH_HOME": str(self.home.root), "NAOMESH_DATABASE_URL": self.home.database_url}
