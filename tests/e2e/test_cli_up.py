"""`naomesh up`, and the commands that talk to it."""

from __future__ import annotations

import json
import signal
import time

import pytest
from cli_process import Running, environment, in_terminal, naomesh, one_line, some_photos, wait_until


class Onion:
    """An Onion that runs, and what it takes to talk to it."""

    def __init__(self, folder):
        self.folder = folder
        self.photos = some_photos(folder / "photos")
        self.script_file = folder / "script.json"
        self.script({"*": [["say", "done"]]})
        self.settings = {
            "NAOMESH_HOME": str(folder / "home"),
            "NAOMESH_ORION_PORT": "0",
            "NAOMESH_ENGINE_NAME": "scripted",
            "NAOMESH_SCRIPTED_ENGINE": str(self.script_file),
        }
        self.up = Running("up", log=folder / "up.log", env=environment(**self.settings))

    def script(self, actions):
        """What the steps do from now on."""
        new = self.script_file.with_suffix(".new")
        new.write_text(json.dumps(actions))
        new.replace(self.script_file)

    def ask(self, *arguments):
        """One command."""
        return naomesh(*arguments, **self.settings)

    def job(self, job_id):
        """The job, as `show` tells it to programs."""
        return json.loads(self.ask("show", job_id, "--json").stdout)


@pytest.fixture(scope="module")
def onion(tmp_path_factory):
    """An Onion for all tests of this module; it stops cleanly within 30 s, and leaves no process."""
    onion = Onion(tmp_path_factory.mktemp("up"))
    onion.up.wait_for("ready")
    yield onion
    tree = onion.up.tree()
    began = time.monotonic()
    assert onion.up.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 30
    assert "parked" in onion.up.lines[-1]
    wait_until(lambda: not any(process.is_running() for process in tree), 5, lambda: tree)


def test_it_says_where_it_is_and_that_there_is_no_sun(onion):
    """The first lines name the state, the missing energy source, and Orion's own pages."""
    assert onion.up.said("no energy source is set")
    assert onion.up.said(onion.settings["NAOMESH_HOME"])
    assert onion.up.said("http://127.0.0.1:")


def test_from_submit_to_receipt(onion):
    """A job is submitted, followed to its end, fetched, accounted for, and forgotten."""
    submitted = onion.ask("submit", onion.photos, "--job-id", "first", "--json")
    assert submitted.returncode == 0, submitted.stderr
    assert json.loads(submitted.stdout)["photos"]["used"] == 3
    again = onion.ask("submit", onion.photos, "--job-id", "first")
    assert (again.returncode, again.stdout) == (0, "first\n"), again.stderr
    one_line_of_another = onion.ask("submit", onion.photos, "--job-id", "first", "--quality", "bad")
    assert "error [job-exists]" in one_line_of_another.stderr

    watched = onion.ask("watch", "first")
    assert watched.returncode == 0, watched.stderr
    assert "finished" in watched.stdout
    assert "done" in onion.ask("logs", "first", "--step", "5").stdout
    fetched = onion.ask("fetch", "first", "-o", onion.folder / "results", "--json")
    assert (onion.folder / "results/receipt.json").is_file(), fetched.stderr
    receipt = json.loads(onion.ask("receipt", "first", "--json").stdout)
    assert receipt == json.loads((onion.folder / "results/receipt.json").read_text())

    assert json.loads(onion.ask("delete", "first", "--json").stdout)["deleted"] is True
    one_line(onion.ask("show", "first"), "no-job", 5)


def test_submit_and_wait(onion):
    """`--wait` ends as the job ends."""
    onion.script({"*": [["say", "done"]], "3": [["say", "alas"], ["exit", 1]]})
    done = onion.ask("submit", onion.photos, "--job-id", "alas", "--wait")
    onion.script({"*": [["say", "done"]]})
    assert done.returncode == 5
    assert "error [step-failed]" in done.stderr
    assert onion.ask("logs", "alas").stdout == "alas\n"
    assert onion.ask("retry", "alas").returncode == 0
    assert onion.ask("watch", "alas").returncode == 0


def test_in_a_terminal_it_is_a_picture(onion):
    """In a terminal, watching draws the steps with their marks; the text of plain lines does not appear."""
    onion.ask("submit", onion.photos, "--job-id", "seen")
    text = in_terminal("watch", "seen", **onion.settings)
    assert "✓" in text
    assert "Paint the mesh" in text
    assert "finished" in text
    assert "step 5," not in text


def test_cancel_in_the_middle_of_a_step(onion):
    """A running job is cancelled within ten seconds."""
    onion.script({"*": [["say", "done"]], "5": [["wait", "never"]]})
    onion.ask("submit", onion.photos, "--job-id", "long")
    wait_until(lambda: onion.job("long")["step_idx"] == 5, 60, lambda: onion.job("long"))
    began = time.monotonic()
    cancelled = onion.ask("cancel", "long", "--json")
    assert json.loads(cancelled.stdout)["state"] == "cancelled"
    assert time.monotonic() - began < 12
    onion.script({"*": [["say", "done"]]})


@pytest.mark.parametrize("job_id", ["a/b", "..", "a..b", "", "-x", "ü", "x" * 129])
def test_ids_that_are_no_names(onion, job_id):
    """An id with a slash, two dots or anything else that is no plain name is refused, and no job is made."""
    done = onion.ask("submit", onion.photos, f"--job-id={job_id}", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "bad-job-id"


def test_a_second_onion_is_refused(onion):
    """Two Onions on one home: the second says who has it."""
    assert str(onion.up.process.pid) in one_line(onion.ask("up"), "home-in-use", 6)


def test_the_doctor_finds_it(onion):
    """The doctor sees that an Onion runs, and where."""
    done = onion.ask("doctor")
    assert done.returncode == 0, done.stdout
    assert "an Onion is running: http://127.0.0.1:" in done.stdout
