"""Tables for people and JSON for programs, on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import click

NARROW = 100
"""Columns of a table where nobody says how wide the output is."""


def print_json(value: Any) -> None:
    """One JSON document; times in ISO 8601 with Z."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=_plain))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", right: str = "") -> None:
    """A table; the columns whose headers stand in `right` (comma-separated) are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    to_the_right = right.split(",")
    for header in headers:
        table.add_column(header, justify="right" if header in to_the_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not sys.stdout.isatty():
        console = Console(highlight=False, width=max(NARROW, console.width, 200))
    console.print(table)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")
