"""Engines: each a table of steps and how each step runs. One is chosen by name in the settings and built here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from naomesh.errors import UsageError

if TYPE_CHECKING:
    from naomesh.engines.base import Engine
    from naomesh.settings import EngineSettings

NAMES = {
    "pocket": "naomesh.engines.pocket",
    "openmvg_openmvs": "naomesh.engines.openmvg_openmvs",
}
"""What users choose from: name, and the module whose `build(settings)` makes the engine."""

FAKES = {
    "nothing": "naomesh.testing.engines",
    "scripted": "naomesh.testing.engines",
}
"""Engines for tests and measurements."""


def build(settings: EngineSettings) -> Engine:
    """The engine that the settings name. Its module is imported only now: engines are heavy.

    :raises UsageError: nobody knows an engine of that name (`unknown-engine`).
    """
    module = NAMES.get(settings.name) or FAKES.get(settings.name)
    if module is None:
        raise UsageError(
            f"there is no engine named {settings.name!r}.",
            mend=f"Set NAOMESH_ENGINE_NAME to one of: {', '.join(NAMES)}.",
            code="unknown-engine",
        )
    return cast("Engine", import_module(module).build(settings))
