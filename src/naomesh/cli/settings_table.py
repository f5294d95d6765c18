"""docs/settings.md, made from the classes in `naomesh.settings`.

`python -m naomesh.cli.settings_table docs/settings.md` writes it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from naomesh import settings

HEAD = """# Settings

Every setting is an environment variable, or a line `NAME=value` of a file `.env` in the folder in which a command is
started; the environment wins. Times are in seconds, powers in watts. This page is made from the code: `make check`
fails when it is out of date, and `.venv/bin/python -m naomesh.cli.settings_table docs/settings.md` writes it anew.
"""
LIMITS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
COMPUTED = {"home": "`$XDG_DATA_HOME/naomesh`, else `~/.local/share/naomesh`", "name": "this machine's name"}
"""Defaults that are computed, in words, by field; the one of another field is `computed`."""


def table() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(owner) for owner in classes())])


def classes() -> list[type[BaseSettings]]:
    """The settings classes, in the order of their module."""
    found = vars(settings).values()
    return [
        owner
        for owner in found
        if isinstance(owner, type) and issubclass(owner, BaseSettings) and owner.__module__ == settings.__name__
    ]


def names_of(owner: type[BaseSettings], name: str, field: FieldInfo) -> list[str]:
    """Under which names the field is set: ours first, then those of 2023."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices if str(choice).isupper()]
    if isinstance(field.validation_alias, str):
        return [field.validation_alias.upper()]
    return [f"{owner.model_config.get('env_prefix', '')}{name}".upper()]


def _section(owner: type[BaseSettings]) -> str:
    heading = (owner.__doc__ or owner.__name__).strip().splitlines()[0]
    rows = "\n".join(_rows(owner))
    return f"## {heading.rstrip('.')}\n\n| setting | default | meaning |\n|---|---|---|\n{rows}\n"


def _rows(owner: type[BaseSettings]) -> Iterator[str]:
    for name, field in owner.model_fields.items():
        ours, *former = names_of(owner, name, field)
        also = f" Also as {', '.join(f'`{other}`' for other in former)}." if former else ""
        meaning = f"{field.description or ''}{_values(field)}{also}".replace("|", "\\|")
        yield f"| `{ours}` | {_default(name, field)} | {meaning} |"


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return COMPUTED.get(name, "computed")
    value = field.default
    if value is PydanticUndefined:
        return "must be set"
    if value is None or value == "":
        return "(empty)"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: FieldInfo) -> str:
    limits = [
        words.format(f"{getattr(limit, kind):g}")
        for limit in field.metadata
        for kind, words in LIMITS.items()
        if getattr(limit, kind, None) is not None
    ]
    choices = _choices(field.annotation)
    if choices:
        return f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return f" ({', '.join(limits)})" if limits else ""


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if get_origin(annotation) in (Union, types.UnionType):
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return []


def main() -> None:
    """Write the page to the file that is named, or to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(table(), encoding="utf-8")
    else:
        sys.stdout.write(table())


if __name__ == "__main__":
    main()
