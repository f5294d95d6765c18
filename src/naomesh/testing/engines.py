# ruff: noqa: ARG002 - a fake takes what the interface gives, and needs little of it
"""Two engines behind the real interface that make no model: one whose steps do nothing, one whose steps do as told."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from naomesh.engines.base import Command, Cost, Engine, Facts, NodeFiles, Outcome, Progress, Step, StepTask
from naomesh.engines.openmvg_openmvs.failures import failed, starved
from naomesh.errors import UsageError

SCRIPT = "NAOMESH_SCRIPTED_ENGINE"
"""Names the file with the script of the scripted engine, or holds the script itself (JSON)."""

ROWS = (
    (0, "listing", "List the photos"),
    (1, "features", "Find features"),
    (2, "pairs", "Choose pairs"),
    (3, "matches", "Match features"),
    (4, "filter", "Filter matches"),
    (5, "sfm", "Place the cameras"),
    (11, "export", "Undistort the photos"),
    (12, "densify", "Compute depth"),
    (13, "mesh", "Make the mesh"),
    (14, "refine", "Refine the mesh"),
    (15, "texture", "Paint the mesh"),
)

_PROGRESS = re.compile(r"progress ([\d.]+) of ([\d.]+)")


class NothingEngine(Engine):
    """Eleven steps that do nothing: what is left is the cost of the Onion itself."""

    name = "nothing"
    steps = tuple(Step(number, name, title, ()) for number, name, title in ROWS)

    def command(self, step: Step, task: StepTask) -> Command:
        """`true`, the program that succeeds."""
        return Command(("true",))

    def progress(self, step: Step, line: str) -> Progress | None:
        """Nothing is said."""
        return None

    def check(self, step: Step, task: StepTask, files: NodeFiles, outcome: Outcome) -> Facts:
        """Nothing was written."""
        if outcome.exit_code:
            raise failed(step, outcome, "failed")
        return {}

    def export(self) -> Command:
        """Nothing is stored."""
        return Command(("true",))

    def nominal(self, step: Step, task: StepTask) -> Cost:
        """A hundredth of a second and a megabyte."""
        return Cost(0.01, 1_000_000, 0)


class ScriptedEngine(Engine):
    """Eleven steps that do what a script says: {"5": [["say", "hello"], ["write", "a.bin", 1000]]}.

    The script maps a step's number (or "*": every other step) to its actions (`naomesh.testing.actions`); it is read
    anew at every step. Each step also writes `scripted/NUMBER.done`, which is its checkpoint together with all that
    it wrote under `scripted/NUMBER/`. "facts" and "nominal" map numbers to facts and to [seconds, memory, disk].
    """

    name = "scripted"
    steps = tuple(
        Step(number, name, title, (f"scripted/{number}.done", f"scripted/{number}/*")) for number, name, title in ROWS
    )

    def command(self, step: Step, task: StepTask) -> Command:
        """The actions of the script, run by the Python that runs this."""
        script = read_script()
        actions = script.get(str(step.number), script.get("*", []))
        done = [["write", f"scripted/{step.number}.done", 1]]
        program = Path(__file__).with_name("actions.py")
        return Command((sys.executable, "-S", str(program), json.dumps([*actions, *done])))

    def progress(self, step: Step, line: str) -> Progress | None:
        """What the action `progress` printed."""
        found = _PROGRESS.search(line)
        return Progress(float(found[1]), float(found[2])) if found else None

    def check(self, step: Step, task: StepTask, files: NodeFiles, outcome: Outcome) -> Facts:
        """The facts of the script, when the step ended well and came to its end."""
        if error := starved(step, outcome):
            raise error
        if outcome.exit_code or files.size(f"scripted/{step.number}.done") is None:
            raise failed(step, outcome, "failed")
        return dict(read_script().get("facts", {}).get(str(step.number), {}))

    def export(self) -> Command:
        """The files under `scripted/` are the results."""
        return Command(("cp", "-r", "scripted", "results"))

    def nominal(self, step: Step, task: StepTask) -> Cost:
        """What the script says, else one second and 20 MB."""
        return Cost(*read_script().get("nominal", {}).get(str(step.number), (1.0, 20_000_000, 1000)))


def read_script() -> dict[str, Any]:
    """The script that the environment names; empty where it names none."""
    text = os.environ.get(SCRIPT, "")
    if text and not text.lstrip().startswith("{"):
        text = Path(text).read_text(encoding="utf-8")
    script = json.loads(text or "{}")
    if not isinstance(script, dict):
        raise UsageError(f"the script in {SCRIPT} is not a JSON object.", mend="Map step numbers to actions.")
    return script
