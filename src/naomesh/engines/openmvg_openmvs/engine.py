"""openMVG and openMVS as the worker sees them: commands, progress, and what each step must have written."""

from __future__ import annotations

import shlex
from pathlib import Path

from naomesh.engines.base import Command, Cost, Engine, Facts, NodeFiles, Outcome, Progress, Step, StepTask
from naomesh.engines.openmvg_openmvs import launcher
from naomesh.engines.openmvg_openmvs.checks import check_step
from naomesh.engines.openmvg_openmvs.costs import feature_threads, nominal_cost
from naomesh.engines.openmvg_openmvs.progress import Meter
from naomesh.engines.openmvg_openmvs.steps import BY_NUMBER, PRESETS, PROGRAMS, ROWS

PYTHON = "python3"
_LAUNCH = (PYTHON, "-c", Path(launcher.__file__).read_text(encoding="utf-8"))


class OpenmvgOpenmvsEngine(Engine):
    """openMVG finds the cameras, openMVS the surface (see `steps`).

    `mvgmvs_command` is a command that runs MvgMvsPipeline.py (`mvgmvs`, or `docker exec openmvsmvg mvgmvs`); where it
    is empty, the programs themselves run. The script keeps absolute paths in its files, so with it a job goes on
    only where its workspace has the same name; in a container it always has.
    """

    name = "openmvg_openmvs"
    steps = tuple(row.step for row in ROWS)

    def __init__(self, mvgmvs_command: str = "") -> None:
        self._script = tuple(shlex.split(mvgmvs_command))
        self._meter = Meter(-1)

    def command(self, step: Step, task: StepTask) -> Command:
        """The step's program in the workspace, started by `launcher`."""
        row = BY_NUMBER[step.number]
        values = _values(task)
        focal = () if step.number != 0 or task.focal_px is None else (f"{launcher.FOCAL}{task.focal_px:.6g}",)
        if self._script:
            options = (*(("f", *focal) if focal else ()), *(word.format_map(values) for word in row.script_options))
            words = ("script", row.script_name, row.program, *self._script, launcher.OPTIONS, "photos", ".")
            words += ("--steps", launcher.NUMBER, *((f"--{launcher.NUMBER}", *options) if options else ()))
        else:
            words = ("program", row.program, *(word.format_map(values) for word in row.words))
            words += ("-f", *focal) if focal else ()
        # openMVG has no option for its threads in most programs, but all of them follow OpenMP's.
        return Command((*_LAUNCH, *words), {"OMP_NUM_THREADS": values["threads"]})

    def progress(self, step: Step, line: str) -> Progress | None:
        """Reads the programs' own percentages (see `progress`)."""
        if self._meter.number != step.number:
            self._meter = Meter(step.number)
        return self._meter.read(line)

    def check(self, step: Step, task: StepTask, files: NodeFiles, outcome: Outcome) -> Facts:
        """Looks at what the step wrote: the script exits 0 when a step fails, and the programs drop photographs and
        write empty files without a word."""
        return check_step(step, task, files, outcome)

    def nominal(self, step: Step, task: StepTask) -> Cost:
        """See `costs`."""
        return nominal_cost(step.number, task)

    def missing(self, files: NodeFiles) -> str:
        """The programs that the node does not have on its PATH."""
        wanted = (PYTHON, self._script[0]) if self._script else (PYTHON, *PROGRAMS)
        lacking = [program for program in wanted if files.which(program) is None]
        if not lacking:
            return ""
        mend = "install openMVG and openMVS and put their programs on PATH, or set NAOMESH_ENGINE_MVGMVS_COMMAND"
        return f"{', '.join(lacking)} not found on PATH; {mend}"


def _values(task: StepTask) -> dict[str, str]:
    preset = PRESETS[task.quality]
    return {
        "features": preset.features,
        "level": str(preset.level),
        "threads": str(max(1, task.threads)),
        "feature_threads": str(feature_threads(task)),
    }
