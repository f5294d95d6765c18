"""Run one step in the current folder, a workspace: `python -m naomesh.engines.pocket NUMBER --quality good|bad`."""

from __future__ import annotations

import argparse
import errno
import importlib
import shutil
import sys
import traceback
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from naomesh.engines.base import Facts
from naomesh.engines.messages import say_error
from naomesh.engines.pocket.presets import PRESETS
from naomesh.engines.pocket.report import StepError, facts_path, say_facts
from naomesh.engines.pocket.run import Run
from naomesh.jobs.request import Quality

MODULES = {
    0: "listing",
    1: "features",
    2: "pairs",
    3: "matches",
    4: "verification",
    5: "sfm",
    11: "undistort",
    12: "densify",
    13: "meshing",
    14: "refine",
    15: "texture",
}
"""Where each step lives: `run(Run) -> Facts` in naomesh.engines.pocket.NAME; loaded when it is its turn."""

FULL_BELOW_BYTES = 4 << 20
"""A failure with less free space than this has its cause in the disk, whatever a library made of it."""


def main(argv: list[str] | None = None) -> int:
    """Run the step; 0 when it worked, 1 with an `@error` line when it did not."""
    parser = argparse.ArgumentParser(prog="python -m naomesh.engines.pocket", description=__doc__)
    parser.add_argument("number", type=int, choices=sorted(MODULES))
    parser.add_argument("--quality", choices=[quality.value for quality in Quality], required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--focal-px", type=float, default=None)
    given = parser.parse_args(argv)
    run = Run(PRESETS[Quality(given.quality)], max(1, given.threads), given.focal_px)
    Path(facts_path(given.number)).unlink(missing_ok=True)
    try:
        module = importlib.import_module(f"naomesh.engines.pocket.{MODULES[given.number]}")
        step: Callable[[Run], Facts] = module.run
        say_facts(given.number, step(run))
    except Exception as error:
        if not isinstance(error, StepError):
            traceback.print_exc()
        known = _known(error)
        if known is None:
            return 1
        say_error(known.code, known.message, known.mend)
        return 1
    return 0


def _known(error: Exception) -> StepError | None:
    """The error in words for a photographer, None where only the log can tell."""
    if isinstance(error, StepError):
        return error
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or shutil.disk_usage(".").free < FULL_BELOW_BYTES:
        return StepError("disk-full", "The disk of the workspace ran full.", "Free some space and retry the job.")
    if isinstance(error, MemoryError | BrokenProcessPool):
        return StepError(
            "out-of-memory",
            "The machine ran out of memory.",
            "Retry with quality bad, or on a larger machine.",
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
