"""What the repository promises to whoever clones it: documents that are true, pins that hold, an order of rooms."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from naomesh.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT) for pattern in ("*.md", "docs/**/*.md") for path in ROOT.glob(pattern))
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|farm|home/\w+|Users/\w+|tmp/\w+-\w+)/[\w.]")


def code_in(document: Path) -> str:
    """What stands in code blocks and back quotes."""
    return "\n".join(CODE.findall((ROOT / document).read_text()))


def tracked() -> list[Path]:
    """The files of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [ROOT / name.decode() for name in listed.split(b"\0") if name and (ROOT / name.decode()).is_file()]


def locked() -> dict[str, str]:
    """The version of each package in the lock."""
    return {package["name"]: package["version"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def test_the_usual_documents_are_there():
    """A newcomer finds the files that every project has, and none of them is empty."""
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        assert (ROOT / name).stat().st_size > 1000, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_documents_name_what_exists(document):
    """Make targets, commands, files and links that a document names are there."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = code_in(document)
    assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets
    assert set(re.findall(r"(?<![\w/.-])naomesh ([a-z]+)\b", code)) <= set(COMMANDS) | {"orion"}
    for path in re.findall(r"(?<![\w./-])(?:src|tests|tools|docs)/[\w./-]*[\w/]", code):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#\s]+)\)", (ROOT / document).read_text()):
        if "://" not in link and not link.startswith("mailto:"):
            assert (ROOT / document.parent / link).exists(), link


def test_the_changelog_knows_this_version():
    """The version that is installed is the project's, and the changelog has a section for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version("naomesh") == project["version"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text()


def test_requirements_are_the_lock(tmp_path):
    """People who use pip get what uv.lock says (`make requirements` writes them anew)."""
    subprocess.run([ROOT / "tools/requirements", str(tmp_path)], check=True, timeout=120)
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), name


def test_pins_hold():
    """Orion's hook is internal to one Prefect, whose server imports with FastAPI before 0.151 only: in the lock and
    here, since resolvers go back in time in silence rather than fail."""
    for versions in (locked(), {name: version(name) for name in ("prefect", "fastapi", "rich")}):
        assert versions["prefect"] == "3.8.8"
        assert tuple(map(int, versions["fastapi"].split(".")[:2])) < (0, 151)
        assert tuple(map(int, versions["rich"].split(".")[:2])) >= (13, 9)


def test_no_paths_of_one_machine():
    """No file of the repository names a place that only one machine has."""
    for path in tracked():
        if path.suffix in (".md", ".py", ".toml", ".txt", ".json", ".csv", "", ".in", ".mako", ".ini"):
            found = MACHINE_PATH.search(path.read_text(errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found and found[0]}"


@pytest.mark.parametrize("room", ["jobs", "policy"])
def test_the_domain_imports_nothing_else(room):
    """The domain and the decision import the standard library and each other only."""
    allowed = {*sys.stdlib_module_names, "naomesh.jobs", "naomesh.policy"}
    for path in (ROOT / "src/naomesh" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports are absolute"
                names = [node.module or ""]
            for name in names:
                parts = name.split(".")
                assert parts[0] in allowed or ".".join(parts[:2]) in allowed, f"{path.name} imports {name}"


def test_scripts_can_be_run():
    """What make and CI call is executable, and stops at its first error."""
    for path in (ROOT / ".ci/run", *(ROOT / "tools").iterdir()):
        assert path.stat().st_mode & 0o111, path
        assert "set -euo pipefail" in path.read_text(), path


CONFTEST = (ROOT / "tests/conftest.py").read_text()
SAMPLE = """
import pytest

@pytest.mark.slow
def test_takes_long(): assert False

@pytest.mark.shared
def test_needs_data(): assert False

def test_runs(): pass
"""


@pytest.mark.parametrize(
    ("ci", "skipping", "exit_code"), [("", False, 0), ("true", False, 0), ("", True, 0), ("true", True, 1)]
)
def test_nothing_is_left_out_in_silence(tmp_path, monkeypatch, ci, skipping, exit_code):
    """A run of the tests ends with what it left out and why; a skip for another reason fails CI."""
    folder = tmp_path / "clone" / "tests"
    folder.mkdir(parents=True)
    skip = "\ndef test_skips(): pytest.skip('no such tool')\n" if skipping else ""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_sample.py").write_text(SAMPLE + skip)
    monkeypatch.setenv("CI", ci)
    markers = ["-o", "markers=slow\nshared"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *markers, str(folder)]
    ran = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == exit_code, ran.stdout
    summary = ran.stdout.partition("left out -")[2]
    assert "1 left out: slow" in summary
    assert "test_takes_long" in summary
    assert "1 left out: no ../shared/data beside the clone" in summary
    assert "test_needs_data" in summary
    assert ("no such tool" in summary) == skipping
