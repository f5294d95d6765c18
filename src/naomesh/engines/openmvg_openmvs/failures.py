"""Why a program failed, read from how it ended and from what it last said, in words for a photographer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from signal import Signals

from naomesh.engines.base import Outcome, Step
from naomesh.errors import NaomeshError, ResourceError, StepFailed

KILLED = frozenset({-9, 137})
"""SIGKILL as Python tells it, and as a shell or a container does: on a node that is the kernel, short of memory."""

NO_MEMORY = re.compile(r"bad_alloc|cannot allocate memory|out of memory|catched a memory error", re.IGNORECASE)
NO_DISK = re.compile(r"no space left|disk quota exceeded", re.IGNORECASE)

_COMPLAINT = re.compile(
    r"\berror\b|\bfailed\b|\bcannot\b|\bcan not\b|\bunable\b|invalid|not found|terminate", re.IGNORECASE
)
_NOISE = re.compile(
    r"""^\W*$                                                  # rulers
      | MEMORYINFO | ENDINFO | VmPeak | VmSize                  # openMVS says how much memory it had
      | \]\ +(OpenMVS|Build\ date|CPU|RAM|OS|Disk|SSE|Command\ line)\b
      | neato:\ not\ found                                      # openMVG draws a graph nobody needs
      | ^\W*--\w                                                # openMVG repeats its options
      | ^\#\ Pipeline\ end | ^Cmd: | ^\+\                       # what starts programs repeats their words
    """,
    re.VERBOSE,
)
_PREFIX = re.compile(r"^(?:\d\d:\d\d:\d\d \[[^\]]*\] |(?:INFO|ERROR|WARNING): \[[^\]]*\]\s*)")


def starved(step: Step, outcome: Outcome) -> ResourceError | None:
    """The error where the step ran out of memory or disk, None where it did not."""
    where = f"step {step.number} {step.name}"
    if any(NO_DISK.search(line) for line in outcome.tail):
        return ResourceError(
            f"the disk filled up in {where}.", mend="Free some space, then retry the job.", code="disk-full"
        )
    if outcome.exit_code in KILLED or any(NO_MEMORY.search(line) for line in outcome.tail):
        return ResourceError(
            f"{where} ran out of memory (it had taken {outcome.peak_bytes / 1e9:.1f} GB).",
            mend="Use --quality bad or fewer photos, or a machine with more memory.",
            code="out-of-memory",
        )
    return None


def failed(step: Step, outcome: Outcome, wrong: str) -> NaomeshError:
    """The error for a step that went wrong without the photographs being the cause. `wrong` says what is wrong."""
    said = last_words(outcome.tail)
    return StepFailed(
        f"step {step.number} {step.name} {wrong} ({_ending(outcome.exit_code)})" + (f": {said}" if said else "."),
        mend="`naomesh logs` has all that the program said; `naomesh retry` goes on from the step before.",
    )


def last_words(lines: Sequence[str]) -> str:
    """The last line that complains, else the last line that says anything, without time stamp and source line."""
    said = [line.strip() for line in lines if line.strip() and not _NOISE.search(line.strip())]
    complaints = [line for line in said if _COMPLAINT.search(line)]
    chosen = (complaints or said)[-1:]
    return _PREFIX.sub("", chosen[0])[:200] if chosen else ""


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return "the program is not there" if exit_code == 127 else f"exit code {exit_code}"
    try:
        return f"ended by {Signals(-exit_code).name}"
    except ValueError:
        return f"ended by signal {-exit_code}"
