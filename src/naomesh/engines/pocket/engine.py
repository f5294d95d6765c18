"""The engine as the worker sees it: commands, progress, and what each step must have written."""

from __future__ import annotations

import json
import sys

from naomesh.engines.base import Command, Cost, Engine, Facts, NodeFiles, Outcome, Progress, Step, StepTask
from naomesh.engines.messages import error_in, progress_in
from naomesh.engines.pocket.costs import nominal_cost
from naomesh.engines.pocket.processes import ENVIRONMENT
from naomesh.engines.pocket.report import facts_path
from naomesh.engines.pocket.steps import STEPS
from naomesh.errors import NaomeshError, ResourceError, StepFailed

SMALLEST_OUTPUT_BYTES = 20
"""Any output below this is an empty shell."""

DISK_FULL = ("no space left", "disk is full", "disk full", "enospc")
MEMORY_FULL = ("bad_alloc", "cannot allocate memory", "out of memory")

COUNTED: dict[int, tuple[str, ...]] = {
    0: ("photos", "cameras"),
    1: ("photos", "features"),
    2: ("pairs",),
    3: ("matched_pairs",),
    4: ("verified_pairs",),
    5: ("registered", "sparse_points"),
    11: ("registered",),
    12: ("points",),
    13: ("faces",),
    14: ("faces",),
    15: ("faces", "texture_width", "texture_height"),
}
"""The facts that must be there, and above zero, after each step."""


class PocketEngine(Engine):
    """Photogrammetry from wheels alone, on the CPU (see `naomesh.engines.pocket`)."""

    name = "pocket"
    steps = STEPS

    def command(self, step: Step, task: StepTask) -> Command:
        """The step in a Python of its own: cancel, resume and peak memory come with the process."""
        argv = [sys.executable, "-m", "naomesh.engines.pocket", str(step.number)]
        argv += ["--quality", task.quality.value, "--threads", str(max(1, task.threads))]
        if task.focal_px is not None:
            argv += ["--focal-px", f"{task.focal_px:g}"]
        return Command(tuple(argv), {**ENVIRONMENT, "PYTHONUNBUFFERED": "1"})

    def progress(self, step: Step, line: str) -> Progress | None:  # noqa: ARG002 all steps speak alike
        """Reads the line `@progress DONE TOTAL`."""
        return progress_in(line)

    def check(
        self,
        step: Step,
        task: StepTask,  # noqa: ARG002 what was written tells enough
        files: NodeFiles,
        outcome: Outcome,
    ) -> Facts:
        """Looks at the exit code, at what the step said, and at what it wrote: each of them can be wrong."""
        if outcome.exit_code != 0:
            raise _failure(step, outcome)
        for pattern in step.outputs:
            found = files.glob(pattern)
            if not found:
                raise StepFailed(f"Step {step.number} ({step.title}) did not write {pattern}.", mend="Retry the job.")
            for path in found:
                if (files.size(path) or 0) < SMALLEST_OUTPUT_BYTES:
                    raise StepFailed(f"Step {step.number} ({step.title}) left {path} empty.", mend="Retry the job.")
        facts = _facts(step, files)
        for name in COUNTED[step.number]:
            value = facts.get(name)
            if not isinstance(value, int | float) or value <= 0:
                raise StepFailed(f"Step {step.number} ({step.title}) counted no {name.replace('_', ' ')}.")
        return facts

    def nominal(self, step: Step, task: StepTask) -> Cost:
        """See `costs`."""
        return nominal_cost(step.number, task)


def _facts(step: Step, files: NodeFiles) -> Facts:
    path = facts_path(step.number)
    if files.size(path) is None:
        raise StepFailed(f"Step {step.number} ({step.title}) did not write {path}.", mend="Retry the job.")
    try:
        facts = json.loads(files.read(path))
    except ValueError as error:
        raise StepFailed(f"Step {step.number} ({step.title}) wrote {path} that is no JSON.") from error
    if not isinstance(facts, dict):
        raise StepFailed(f"Step {step.number} ({step.title}) wrote {path} that is no table of facts.")
    return facts


def _failure(step: Step, outcome: Outcome) -> NaomeshError:
    """The right error for a step that ended badly."""
    told = next((error for error in map(error_in, reversed(outcome.tail)) if error is not None), None)
    if told is not None:
        return told
    log = "\n".join(outcome.tail).lower()
    where = f"in step {step.number} ({step.title})"
    if any(sign in log for sign in DISK_FULL):
        return ResourceError(f"The disk ran full {where}.", mend="Free some space and retry the job.", code="disk-full")
    if outcome.exit_code == -9 or any(sign in log for sign in MEMORY_FULL):
        return ResourceError(
            f"The machine ran out of memory {where}, or the step was killed.",
            mend="Retry with quality bad, or on a larger machine.",
            code="out-of-memory",
        )
    how = f"signal {-outcome.exit_code}" if outcome.exit_code < 0 else f"exit code {outcome.exit_code}"
    return StepFailed(f"Step {step.number} ({step.title}) ended with {how}.", mend="See the step's log.")
