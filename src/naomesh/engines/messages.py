"""What our own programs on a node say on their standard output, one line each: `@progress DONE TOTAL`,
`@error {"code": ..., "message": ..., "mend": ...}`."""

from __future__ import annotations

import json

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
