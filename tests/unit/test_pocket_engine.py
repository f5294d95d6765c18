"""The pocket engine as the worker sees it: commands, progress, checks, costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from naomesh.engines.base import Outcome, Progress, StepTask
from naomesh.engines.pocket.engine import COUNTED, PocketEngine
from naomesh.errors import NaomeshError, PhotosError, ResourceError, StepFailed
from naomesh.jobs.request import Quality
from naomesh.nodes.local import LocalFiles

ENGINE = PocketEngine()
TASK = StepTask(Quality.BAD, photos=14, megapixels=27.0, threads=2, memory_bytes=4 << 30)


def ended(code: int = 0, *tail: str) -> Outcome:
    """A command that ended with that exit code and those last lines."""
    return Outcome(code, 1.0, 1.0, 1000, tail)


def wrote(folder: Path, number: int, facts: dict[str, object]) -> LocalFiles:
    """A workspace in which step `number` wrote all its outputs and these facts."""
    for pattern in ENGINE.step(number).outputs:
        path = folder / pattern.replace("*", "00000")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)
    (folder / "facts").mkdir()
    (folder / f"facts/{number}.json").write_text(json.dumps(facts))
    return LocalFiles(folder)


def test_the_worker_loads_it_without_the_heavy_libraries() -> None:
    """Importing the engine imports neither numpy nor OpenCV nor pycolmap."""
    code = (
        "import sys, naomesh.engines.pocket.engine;"
        "sys.exit(bool({'numpy', 'cv2', 'pycolmap', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_steps_have_the_numbers_of_the_pipeline() -> None:
    """The numbers are those of openMVG and openMVS, so that messages mean the same with both engines."""
    assert [step.number for step in ENGINE.steps] == [0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15]


def test_no_step_overwrites_the_checkpoint_of_another() -> None:
    """Every output belongs to one step."""
    outputs = [pattern for step in ENGINE.steps for pattern in step.outputs]
    assert len(outputs) == len(set(outputs))


def test_the_command_tells_quality_threads_and_focal_length() -> None:
    """All that a step has to know stands in its command."""
    argv = ENGINE.command(ENGINE.step(12), StepTask(Quality.GOOD, 3, 6.0, 5, 1 << 30, focal_px=1234.5)).argv
    assert argv[1:] == (
        *("-m", "naomesh.engines.pocket", "12"),
        *("--quality", "good", "--threads", "5", "--focal-px", "1234.5"),
    )


def test_progress_is_read_from_the_line() -> None:
    """A progress line is progress, anything else is none."""
    step = ENGINE.step(1)
    assert ENGINE.progress(step, "@progress 3 14") == Progress(3, 14)
    assert ENGINE.progress(step, "Processed file [3/14]") is None


def test_a_step_that_wrote_everything_passes(tmp_path: Path) -> None:
    """The facts come back as the step counted them."""
    facts: dict[str, object] = {"registered": 13, "sparse_points": 900, "left_out": ["a b.jpg"]}
    assert ENGINE.check(ENGINE.step(5), TASK, wrote(tmp_path, 5, facts), ended()) == facts


@pytest.mark.parametrize("number", [step.number for step in ENGINE.steps])
def test_exit_code_0_does_not_pass_for_work(tmp_path: Path, number: int) -> None:
    """A step that exits well and wrote nothing has failed."""
    with pytest.raises(StepFailed):
        ENGINE.check(ENGINE.step(number), TASK, LocalFiles(tmp_path), ended())


@pytest.mark.parametrize("number", [step.number for step in ENGINE.steps])
def test_an_empty_output_is_none(tmp_path: Path, number: int) -> None:
    """A step one of whose files is empty has failed."""
    files = wrote(tmp_path, number, dict.fromkeys(COUNTED[number], 1))
    files.path(ENGINE.step(number).outputs[-1].replace("*", "00000")).write_bytes(b"")
    with pytest.raises(StepFailed, match="empty"):
        ENGINE.check(ENGINE.step(number), TASK, files, ended())


@pytest.mark.parametrize("number", [step.number for step in ENGINE.steps])
def test_counting_nothing_is_a_failure(tmp_path: Path, number: int) -> None:
    """A step that counted none of what it is for has failed."""
    with pytest.raises(StepFailed, match="counted no"):
        ENGINE.check(ENGINE.step(number), TASK, wrote(tmp_path, number, {}), ended())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("photos-do-not-overlap", PhotosError),
        ("photos-without-detail", PhotosError),
        ("photos-too-few", PhotosError),
        ("disk-full", ResourceError),
        ("out-of-memory", ResourceError),
        ("step-no-surface", StepFailed),
    ],
)
def test_what_the_step_knows_becomes_the_right_error(tmp_path: Path, code: str, kind: type[NaomeshError]) -> None:
    """The code, the message and the mend that a step tells reach the user."""
    line = "@error " + json.dumps({"code": code, "message": "What is wrong.", "mend": "What to do."})
    with pytest.raises(kind) as caught:
        ENGINE.check(ENGINE.step(5), TASK, LocalFiles(tmp_path), ended(1, "Traceback ...", line))
    assert caught.value.line() == f"error [{code}]: What is wrong. What to do."


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (ended(-9), "out-of-memory"),
        (ended(1, "MemoryError: std::bad_alloc"), "out-of-memory"),
        (ended(-6, "SQLite error: database or disk is full"), "disk-full"),
        (ended(1, "OSError: [Errno 28] No space left on device"), "disk-full"),
        (ended(-11), "step-failed"),
        (ended(3, "something else"), "step-failed"),
    ],
)
def test_what_the_step_does_not_know_is_read_from_how_it_ended(tmp_path: Path, outcome: Outcome, code: str) -> None:
    """Memory and disk are told apart from other failures by signal and log."""
    with pytest.raises(NaomeshError) as caught:
        ENGINE.check(ENGINE.step(1), TASK, LocalFiles(tmp_path), outcome)
    assert caught.value.code == code


@pytest.mark.parametrize("quality", list(Quality))
def test_more_photos_cost_more(quality: Quality) -> None:
    """Ten times the photographs take longer, and no less memory or disk, in every step."""
    few = StepTask(quality, 20, 40.0, 2, 1 << 30)
    many = StepTask(quality, 200, 400.0, 2, 1 << 30)
    for step in ENGINE.steps:
        small, large = ENGINE.nominal(step, few), ENGINE.nominal(step, many)
        assert large.seconds >= small.seconds, step.title
        assert large.memory_bytes >= small.memory_bytes, step.title
        assert large.disk_bytes >= small.disk_bytes, step.title
        assert small.seconds > 0, step.title


def test_good_costs_more_than_bad() -> None:
    """In sum the preset good takes longer than bad."""
    total = {
        quality: sum(ENGINE.nominal(step, StepTask(quality, 14, 27.0, 2, 1 << 30)).seconds for step in ENGINE.steps)
        for quality in Quality
    }
    assert total[Quality.GOOD] > 2 * total[Quality.BAD]
