"""The engines that make no model, on a real local node."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from naomesh.engines import build
from naomesh.engines.base import Facts, Progress, StepTask
from naomesh.errors import ResourceError, StepFailed, UsageError
from naomesh.jobs.request import Quality
from naomesh.nodes.local import LocalNode
from naomesh.settings import EngineSettings
from naomesh.testing.engines import SCRIPT

TASK = StepTask(Quality.BAD, 3, 6.0, 2, 2_000_000_000)
NUMBERS = [0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15]

Run = Callable[..., tuple[Facts, list[Progress]]]


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    """A node of 300 MB."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return LocalNode(workspace, threads=2, memory_bytes=300_000_000)


@pytest.fixture
def run(node: LocalNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one step of an engine by a script."""

    def run_step(number: int, script: dict[str, Any] | None = None, name: str = "scripted") -> Any:
        if script is not None:
            (tmp_path / "script.json").write_text(json.dumps(script))
            monkeypatch.setenv(SCRIPT, str(tmp_path / "script.json"))
        engine = build(EngineSettings(name=name))
        step = engine.step(number)
        told: list[Progress] = []

        def listen(line: str) -> None:
            progress = engine.progress(step, line)
            told.extend([progress] if progress else [])

        outcome = node.run(engine.command(step, TASK), tmp_path / "log", listen)
        return engine.check(step, TASK, node.files, outcome), told

    return run_step


@pytest.mark.parametrize("name", ["nothing", "scripted"])
def test_without_a_script_all_eleven_steps_succeed(run: Run, name: str) -> None:
    """Both engines have the pipeline's table, and do nothing unless told to."""
    assert [step.number for step in build(EngineSettings(name=name)).steps] == NUMBERS
    for number in NUMBERS:
        assert run(number, name=name) == ({}, [])


def test_a_script_writes_tells_and_counts(run: Run, node: LocalNode) -> None:
    """Files under the step's folder are its checkpoint; progress and facts come as scripted; others do the default."""
    script = {
        "5": [["progress", 1, 2], ["write", "scripted/5/a.bin", 3_000_000], ["progress", 2, 2]],
        "*": [["touch", "scripted/other"]],
        "facts": {"5": {"registered": 3}},
        "nominal": {"5": [7.5, 1000, 10]},
    }
    assert run(5, script) == ({"registered": 3}, [Progress(1, 2), Progress(2, 2)])
    engine = build(EngineSettings(name="scripted"))
    step = engine.step(5)
    outputs = [path for pattern in step.outputs for path in node.files.glob(pattern)]
    assert outputs == ["scripted/5.done", "scripted/5/a.bin"]
    assert node.files.size("scripted/5/a.bin") == 3_000_000
    assert engine.nominal(step, TASK).seconds == 7.5
    assert node.files.size("scripted/other") is None
    run(1)
    assert node.files.size("scripted/other") == 0


def test_a_script_fails_as_told(run: Run) -> None:
    """An exit code, a signal, hunger: each is the error that a real step would give."""
    with pytest.raises(StepFailed, match=r"step 1 features failed .exit code 3.: not found"):
        run(1, {"1": [["say", "not found"], ["exit", 3]]})
    with pytest.raises(StepFailed, match="SIGSEGV"):
        run(1, {"1": [["signal", 11]]})
    with pytest.raises(ResourceError) as caught:
        run(1, {"1": [["memory", 1_000_000_000]]})
    assert caught.value.code == "out-of-memory"


def test_a_script_may_fail_once(run: Run, tmp_path: Path) -> None:
    """A retry can be rehearsed: the same step fails, then succeeds."""
    script = {"2": [["fail-once", str(tmp_path / "seen"), 4]]}
    with pytest.raises(StepFailed, match="exit code 4"):
        run(2, script)
    assert run(2, script) == ({}, [])


def test_a_script_that_is_no_table_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A script is a table of steps."""
    (tmp_path / "bad.json").write_text("[1]")
    monkeypatch.setenv(SCRIPT, str(tmp_path / "bad.json"))
    with pytest.raises(UsageError):
        run(1)
