"""Engines: each a table of steps and how each step runs. One is chosen by name in the settings and built here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from naomesh.errors import UsageError

if TYPE_CHECKING:
    from naomesh.engines.base import Engine
    from naomesh.settings import EngineSettings


def build(settings: EngineSettings) -> Engine:
    """The engine that the settings name. Its module is imported only now.

    :raises UsageError: nobody knows an engine of that name (`unknown-engine`).
    """
    builder = ENGINES.get(settings.name) or FAKES.get(settings.name)
    if builder is None:
        raise UsageError(
            f"there is no engine named {settings.name!r}.",
            mend=f"Set NAOMESH_ENGINE_NAME to one of: {', '.join(ENGINES)}.",
            code="unknown-engine",
        )
    return builder(settings)


def _pocket(_: EngineSettings) -> Engine:
    from naomesh.engines.pocket.engine import PocketEngine

    return PocketEngine()


def _openmvg_openmvs(settings: EngineSettings) -> Engine:
    from naomesh.engines.openmvg_openmvs.engine import OpenmvgOpenmvsEngine

    return OpenmvgOpenmvsEngine(settings.mvgmvs_command)


def _nothing(_: EngineSettings) -> Engine:
    from naomesh.testing.engines import NothingEngine

    return NothingEngine()


def _scripted(_: EngineSettings) -> Engine:
    from naomesh.testing.engines import ScriptedEngine

    return ScriptedEngine()


ENGINES: dict[str, Callable[[EngineSettings], Engine]] = {"pocket": _pocket, "openmvg_openmvs": _openmvg_openmvs}
"""What users choose from."""

FAKES: dict[str, Callable[[EngineSettings], Engine]] = {"nothing": _nothing, "scripted": _scripted}
"""Engines for tests and measurements, which no message names."""
