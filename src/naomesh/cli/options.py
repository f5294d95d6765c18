"""The options that several commands share, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
FARTHEST = timedelta(days=3650)

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


@dataclass(frozen=True)
class Deadline:
    """By when a job is to be done: a span from its submission, or a time. `text` is what was typed."""

    text: str
    span: timedelta | None = None
    time: datetime | None = None

    def counted_from(self, now: datetime) -> datetime:
        """The time, aware UTC."""
        return self.time if self.time is not None else now + (self.span or timedelta())


class DeadlineType(click.ParamType[Deadline]):
    """`24h`, `90m`, `2d`, or an ISO 8601 time (in local time where it has no zone)."""

    name = "deadline"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Deadline:
        """Read one of the two."""
        if isinstance(value, Deadline):
            return value
        text = str(value).strip()
        found = _SPAN.fullmatch(text.lower())
        if found:
            count = float(found[1])
            longest = FARTHEST / timedelta(**{UNITS[found[2]]: 1})
            if not 0 < count <= longest:
                self.fail(f"{text!r} must be more than nothing and at most 10 years.", param, ctx)
            return Deadline(text.lower(), span=timedelta(**{UNITS[found[2]]: count}))
        try:
            time = datetime.fromisoformat(text)
            return Deadline(text, time=time.astimezone(UTC))
        except (ValueError, OverflowError, OSError):
            self.fail(f"{text!r} is no deadline; write 24h, 90m, 2d, or a time such as 2026-07-01T18:00.", param, ctx)


def job_options(command: F) -> F:
    """`--energy`, `--quality` and `--deadline` of a new job."""
    for option in reversed(
        [
            click.option(
                "--energy",
                type=click.Choice(["green", "bypass"]),
                default="green",
                show_default=True,
                help="green waits for the sun as long as the deadline allows; bypass starts at once.",
            ),
            click.option(
                "--quality",
                type=click.Choice(["good", "bad"]),
                default="good",
                show_default=True,
                help="bad is a quick look.",
            ),
            click.option(
                "--deadline",
                type=DeadlineType(),
                default="24h",
                show_default=True,
                help="By when it must be done: 24h, 90m, 2d, or an ISO time.",
            ),
        ]
    ):
        command = option(command)
    return command


photos_argument = click.argument("photos", type=click.Path(path_type=Path))
"""No check by click: the survey says more clearly what is wrong with a folder."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

job_argument = click.argument("job_id", metavar="ID")
