"""What a user sees of a failure: one line (or one JSON object), and an exit code."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from naomesh.errors import JobError, NaomeshError, PhotosError, ResourceError, StorageError, UsageError

if TYPE_CHECKING:
    from naomesh.jobs.job import Job

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of SIGINT."""

RESOURCE_CODES = frozenset(
    {
        "resources",
        "disk-full",
        "out-of-memory",
        "too-little-memory",
        "too-little-disk",
        "database-full",
        "engine-missing",
    }
)
"""A job keeps the code of what stopped it; these are not the job's own fault, and have exit codes of their own."""


class Stopped(Exception):
    """Somebody pressed Ctrl-C, or sent SIGTERM. `line` says what becomes of the work."""

    def __init__(self, line: str = "stopped.", exit_code: int = INTERRUPTED) -> None:
        super().__init__(line)
        self.line = line
        self.exit_code = exit_code


def failure_of(job: Job) -> NaomeshError:
    """The error with which a command ends whose job has failed or was cancelled."""
    if job.error_message is None:
        return JobError(
            f"job {job.job_id} is {job.status}.", mend=f"To go on: naomesh retry {job.job_id}", code=f"job-{job.status}"
        )
    code = job.error_code or "job"
    kind: type[NaomeshError] = JobError
    if code.startswith("photos") or code == "too-few-photos":
        kind = PhotosError
    elif code in RESOURCE_CODES:
        kind = ResourceError
    return kind(job.error_message, code=code)


def report(error: BaseException, *, as_json: bool = False) -> int:
    """Say what went wrong, in one line; the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError) or getattr(error, "errno", None) == errno.EPIPE:
        # whoever read our output has gone; Python must not complain about it again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, Stopped):
        _say(error.line, {"code": "stopped", "message": error.line, "exit_code": error.exit_code}, as_json=as_json)
        return error.exit_code
    known = _known(error)
    facts = {"code": known.code, "message": known.message, "mend": known.mend, "exit_code": known.exit_code}
    _say(known.line(), facts, as_json=as_json)
    return known.exit_code


def _say(line: str, facts: dict[str, object], *, as_json: bool) -> None:
    click.echo(line, err=True)
    if as_json:
        click.echo(json.dumps({"error": facts}, ensure_ascii=False))


def _known(error: BaseException) -> NaomeshError:
    if isinstance(error, NaomeshError):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"the disk is full: {error.filename or error}.", mend="Free some space.", code="disk-full")
    if isinstance(
        error, PermissionError | FileNotFoundError | NotADirectoryError | IsADirectoryError | FileExistsError
    ):
        return StorageError(f"{error.filename}: {error.strerror}.", code="file")
    return bad_setting(error) or _unexpected(error)


def _usage(error: click.ClickException) -> NaomeshError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "naomesh"
    message = error.format_message()
    return UsageError(message if message.endswith((".", "?", ")")) else f"{message}.", mend=f"See: {path} --help")


def bad_setting(error: BaseException) -> NaomeshError | None:
    """A setting that is not what it should be, by the name under which it is set."""
    if "pydantic" not in sys.modules:
        return None
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return None
    from naomesh import settings

    first = error.errors(include_url=False)[0]
    owner = getattr(settings, error.title, None)
    name = _name_set(owner, ".".join(str(part) for part in first["loc"]))
    given = "" if isinstance(first["input"], dict) else f" is {str(first['input'])[:60]!r}"
    return UsageError(
        f"the setting {name}{given}: {first['msg'][:1].lower()}{first['msg'][1:]}.",
        mend="The settings are described in docs/settings.md.",
        code="bad-setting",
    )


def _name_set(owner: Any, place: str) -> str:
    """Under which of its names a setting was set; `place` is the field, or the first of its names."""
    if owner is None:
        return place
    for field in owner.model_fields.values():
        names = [str(name) for name in getattr(field.validation_alias, "choices", ())]
        if place in names:
            return next((name for name in names if name in os.environ), place)
    return f"{owner.model_config.get('env_prefix', '')}{place}".upper()


def _unexpected(error: BaseException) -> NaomeshError:
    log = _write_traceback(error)
    return NaomeshError(
        f"something unexpected happened ({type(error).__name__}).",
        mend=f"Please report it, with the file {log}" if log else "Its traceback could not be written either.",
        code="unexpected",
    )


def _write_traceback(error: BaseException) -> Path | None:
    lines = traceback.format_exception(error)
    try:
        file, name = tempfile.mkstemp(prefix=f"naomesh-{datetime.now().astimezone():%Y%m%d-%H%M%S}-", suffix=".log")
        with os.fdopen(file, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(f"{shlex.join(sys.argv)}\n{''.join(lines)}")
    except OSError:
        return None
    return Path(name)
