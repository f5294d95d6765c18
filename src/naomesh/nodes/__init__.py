"""Nodes, chosen by name in the settings."""

from __future__ import annotations

from pathlib import Path

from naomesh.nodes.base import NodeProvider
from naomesh.settings import Settings


def build(settings: Settings, home: Path) -> NodeProvider:
    """The provider that the settings name. `home` is the Onion's state folder."""
    from naomesh.nodes.local import LocalProvider

    return LocalProvider(home / "work", settings.worker.slots)
