"""What our own programs on a node say on their standard output, one line each: `@progress DONE TOTAL`,
`@error {"code": ..., "message": ..., "mend": ...}`."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable

from naomesh.engines.base import Progress
from naomesh.errors import JobError, NaomeshError, PhotosError, ResourceError, StepFailed

PROGRESS = "@progress "
ERROR = "@error "
_KINDS: tuple[tuple[str, type[NaomeshError]], ...] = (
    ("photos", PhotosError),
    ("disk-", ResourceError),
    ("out-of-", ResourceError),
    ("too-little-", ResourceError),
    ("step-", StepFailed),
)


def say(line: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say_progress(done: float, total: float) -> None:
    """`done` of `total` units are finished."""
    say(f"{PROGRESS}{done:g} {total:g}")


def say_error(code: str, message: str, mend: str = "") -> None:
    """Why it cannot be done."""
    say(ERROR + json.dumps({"code": code, "message": message, "mend": mend}))


def exit_code_of(work: Callable[[], None], *, what: str, when: str) -> int:
    """Do the work of a program on a node; what goes wrong is said in one line, and is its exit code.

    `what` may not fit into the memory, and the disk may fill up while `when`.
    """
    try:
        work()
    except NaomeshError as error:
        return _said(error)
    except MemoryError:
        return _said(ResourceError(f"{what} not fit into the memory.", code="out-of-memory"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _said(ResourceError(f"the disk filled up while {when}.", code="disk-full"))
    return 0


def progress_in(line: str) -> Progress | None:
    """The progress that a line tells of, or None."""
    if not line.startswith(PROGRESS):
        return None
    try:
        done, total = (float(word) for word in line.split()[1:3])
    except ValueError:
        return None
    return Progress(done, total)


def error_in(line: str) -> NaomeshError | None:
    """The error that a line tells of, or None; its class follows from its code."""
    if not line.startswith(ERROR):
        return None
    try:
        told = json.loads(line.removeprefix(ERROR))
        code, message, mend = str(told["code"]), str(told["message"]), str(told.get("mend", ""))
    except (ValueError, KeyError, TypeError):
        return None
    kind = next((kind for prefix, kind in _KINDS if code.startswith(prefix)), JobError)
    return kind(message, mend=mend, code=code)


def _said(error: NaomeshError) -> int:
    say_error(error.code, error.message, error.mend)
    return error.exit_code
