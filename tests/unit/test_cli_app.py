"""The group of commands: its help is quick, and whatever goes wrong is one line and a code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from naomesh.cli import app
from naomesh.cli.app import COMMANDS, guarded, naomesh, run
from naomesh.cli.failures import Stopped
from naomesh.errors import EnergyError, OnionError, PhotosError, StepFailed, StorageError

HEAVY = {
    "alembic",
    "cv2",
    "httpx",
    "naomesh.bootstrap",
    "naomesh.settings",
    "numpy",
    "prefect",
    "pycolmap",
    "pydantic",
    "rich",
    "sqlalchemy",
}
LIST_MODULES = """
import sys
from naomesh.cli.app import run
code = run(["--help"])
print("\\n".join(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def test_help_imports_nothing_heavy():
    """`naomesh --help` answers within 0.3 s because it imports click and nothing else of weight."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LIST_MODULES], capture_output=True, text=True, check=True)
    print(f"naomesh --help took {time.monotonic() - began:.2f} s (0.30 s wanted on an idle machine)")
    assert not HEAVY & set(done.stderr.split())
    assert "Photographs in" in done.stdout


def test_help_lists_every_command():
    """The help names each command of the table, with its line."""
    done = subprocess.run([sys.executable, "-m", "naomesh", "--help"], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name):
    """Each name of the table is a module with a command of that name, whose help begins with the table's line."""
    command = naomesh.get_command(click.Context(naomesh), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").startswith(COMMANDS[name])


def test_version(capsys):
    """`--version` prints the version and ends with 0."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("naomesh 0.")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nonsense"], "nonsense"),
        (["run"], "PHOTOS"),
        (["run", "photos"], "--out"),
        (["run", "photos", "-o", "x", "--energy", "brown"], "brown"),
        (["submit", "photos", "--deadline", "soon"], "soon"),
        (["up", "kitchen"], "kitchen"),
        (["show"], "ID"),
        (["jobs", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_one_line_and_exits_2(capsys, arguments, part):
    """Wrong usage ends with 2 and one line that says what is wrong and where the help is."""
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error [usage]: ")
    assert part in err
    assert "--help" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PhotosError("p", code="photos-none"), 3),
        (StepFailed("s"), 5),
        (OnionError("o"), 6),
        (EnergyError("e"), 7),
        (StorageError("d"), 8),
    ],
)
def test_our_errors_keep_their_code(capsys, error, code):
    """An error of ours is its own line, on standard error, and its own exit code."""

    def fail() -> None:
        raise error

    assert guarded(fail) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{error.line()}\n")


def test_json_has_errors_too(capsys):
    """With `--json` the error is also an object on standard output, with code, message, mend and exit code."""

    def fail() -> None:
        raise OnionError("it is away.", mend="Start it.", code="no-onion")

    assert guarded(fail, as_json=True) == 6
    found = json.loads(capsys.readouterr().out)
    assert found == {"error": {"code": "no-onion", "message": "it is away.", "mend": "Start it.", "exit_code": 6}}


def test_the_unexpected_is_one_line_and_a_file(capsys):
    """A defect of ours shows no traceback: it goes into a file that the line names."""

    def fail() -> None:
        raise RuntimeError("a\nb")

    assert guarded(fail) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error [unexpected]: ")
    log = Path(err.split()[-1])
    assert "RuntimeError: a" in log.read_text()
    log.unlink()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), Stopped("it goes on.")])
def test_ctrl_c_exits_130(capsys, error):
    """Ctrl-C ends with 130 and one line."""

    def stop() -> None:
        raise error

    assert guarded(stop) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_a_full_disk_is_said_as_such(capsys):
    """Whatever ran into a full disk, the line says so."""

    def fail() -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    assert guarded(fail) == 4
    assert capsys.readouterr().err.startswith("error [disk-full]: ")


def test_a_wrong_setting_is_named(capsys, monkeypatch):
    """A setting that cannot be is named as it is set, with what was found there."""
    monkeypatch.setenv("NAOMESH_ENERGY_SOURCE", "moon")
    assert run(["up"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error [bad-setting]: the setting NAOMESH_ENERGY_SOURCE is 'moon'")
    assert err.count("\n") == 1


def test_a_setting_of_2023_is_named_as_it_was_set(capsys, monkeypatch):
    """A former name that was given a wrong value is named in the error."""
    monkeypatch.setenv("NAOMESH_ORCHESTRATOR_MINIMUM_PRODUCTION_SOLAR_PANELS", "lots")
    run(["doctor"])
    assert "NAOMESH_ORCHESTRATOR_MINIMUM_PRODUCTION_SOLAR_PANELS is 'lots'" in capsys.readouterr().out


def test_nobody_reads_us_any_more():
    """When the reader of a pipe has gone, the command ends without a word."""
    program = "from naomesh.cli.app import guarded\nguarded(lambda: [print('x' * 80) for _ in range(100000)])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""


def test_names_that_no_encoding_can_say():
    """A file name of bytes that are no text is printed with its bytes as numbers, and not with a traceback."""
    program = "import click\nfrom naomesh.cli.app import run\nrun([])\nclick.echo('\\udcff.jpg')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\\udcff.jpg\n")


def test_the_table_is_the_modules():
    """There is no command module that the table does not name, and each is imported by name only."""
    folder = Path(app.__file__).parent
    having = {path.stem for path in folder.glob("*.py") if '@click.command("' in path.read_text()}
    assert having == set(COMMANDS)
