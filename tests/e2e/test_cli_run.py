"""`naomesh run`: until done, whatever comes between. The engine does as told; all else is real."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest
from cli_process import Running, environment, naomesh, one_line, some_photos, wait_until

from naomesh.bootstrap import Onion
from naomesh.cli.outfolder import OutFolder
from naomesh.storage import steps

QUICK: dict[str, list[list[object]]] = {"*": [["say", "done"]]}


class Desk:
    """A folder of photos, a folder of results, and the script of the engine."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.photos = some_photos(tmp_path / "photos")
        self.out = tmp_path / "out"
        self._script = tmp_path / "script.json"
        self.settings = {"NAOMESH_ENGINE_NAME": "scripted", "NAOMESH_SCRIPTED_ENGINE": str(self._script)}
        self.script({})

    def script(self, actions: dict[str, list[list[object]]]) -> None:
        """What the steps do from now on."""
        new = self._script.with_suffix(".new")
        new.write_text(json.dumps(QUICK | actions))
        new.replace(self._script)

    def command(self, *more: str, out: Path | None = None) -> list[str | Path]:
        """The same command, again and again."""
        return ["run", self.photos, "-o", out or self.out, "--quality", "bad", *more]

    def begin(self, name: str, out: Path | None = None) -> Running:
        """Start the command."""
        return Running(*self.command(out=out), log=self.folder / f"{name}.log", env=environment(**self.settings))

    def times_done(self) -> Counter[int]:
        """How often each step was computed to its end."""
        folder = OutFolder(self.out)
        record = folder.record()
        assert record is not None
        onion = Onion.at(folder.state)
        with onion.database.read() as connection:
            runs = steps.of_job(connection, record.job_id)
        onion.database.close()
        return Counter(run.number for run in runs if run.outcome == steps.DONE and 0 <= run.number < 99)


@pytest.fixture
def desk(tmp_path):
    """The desk of one test."""
    return Desk(tmp_path)


def none_left(tree: list[psutil.Process]) -> None:
    """Wait until all of these processes are gone."""
    wait_until(lambda: not any(process.is_running() for process in tree), 20, lambda: tree)


def test_after_kill_9_the_same_command_goes_on(desk):
    """Killed with -9, a run goes on at its first unfinished step; its folder is its own; finished is finished."""
    desk.script({"5": [["wait", str(desk.folder / "go-on")]]})
    first = desk.begin("first")
    first.wait_for("step 4,")
    refused = naomesh(*desk.command(), **desk.settings)
    one_line(refused, "home-in-use", 6)
    tree = first.tree()
    assert len(tree) > 3
    first.end(signal.SIGKILL)
    none_left(tree)

    (desk.folder / "go-on").touch()
    again = naomesh(*desk.command(), **desk.settings)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "going on with the job that is here" in again.stdout
    assert set(desk.times_done().values()) == {1}
    assert (desk.out / "receipt.json").is_file()

    (desk.out / "receipt.json").unlink()
    third = naomesh(*desk.command("--json"), **desk.settings)
    assert third.returncode == 0
    assert json.loads(third.stdout)["already_finished"] is True
    assert (desk.out / "receipt.json").is_file()
    one_line(naomesh(*desk.command("--energy", "bypass"), **desk.settings), "out-in-use", 2)
    (desk.photos / "more.jpg").write_bytes(b"one more")
    one_line(naomesh(*desk.command(), **desk.settings), "out-in-use", 2)


def test_stopped_by_hand_and_failed_it_goes_on_too(desk):
    """Ctrl-C ends with 130 and leaves no process; a full disk ends with 4; the same command goes on after both."""
    desk.script({"2": [["wait", str(desk.folder / "never")]]})
    first = desk.begin("first")
    first.wait_for("step 1,")
    tree = first.tree()
    assert first.end(signal.SIGINT) == 130
    assert "the same command goes on" in first.lines[-1]
    assert not first.said("Traceback")
    none_left(tree)

    desk.script({"5": [["say", "cannot write: No space left on device"], ["exit", 3]]})
    failed = naomesh(*desk.command(), **desk.settings)
    assert "same command" in one_line(failed, "disk-full", 4)
    assert "failed" in failed.stdout.splitlines()[-1]

    desk.script({})
    third = naomesh(*desk.command("--json"), **desk.settings)
    assert third.returncode == 0, third.stderr
    assert json.loads(third.stdout)["state"] == "finished"
    assert set(desk.times_done().values()) == {1}


def test_two_runs_at_once(desk):
    """Two runs with two folders do not meet: own servers, own ports, own state."""
    both = [desk.begin(name, desk.folder / name) for name in ("one", "two")]
    for running in both:
        assert running.process.wait(120) == 0, running.lines
        assert running.said("finished")
    assert all((desk.folder / name / "receipt.json").is_file() for name in ("one", "two"))


def test_the_demo_waits_for_the_sun(desk):
    """The demo's job waits, starts when the sun of the sample day has risen, and ends with its receipt."""
    done = naomesh("demo", "-o", desk.out, **(desk.settings | {"NAOMESH_ENERGY_SOURCE": "trace"}))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    told = [
        next(index for index, line in enumerate(lines) if words in line)
        for words in ("waiting: ", "started", "finished")
    ]
    assert told == sorted(told)
    assert "sun" in lines[told[0]]
    receipt = json.loads((desk.out / "receipt.json").read_text())
    assert receipt["energy_source"] == {"name": "trace", "modelled": True}
    assert receipt["totals"]["solar_wh"] > 0
    assert receipt["waiting"]["sun_s"] > 1
