"""What every test relies on: which tests run, what was left out and why, and a clean environment.

A test is left out for one of the reasons in `REASONS` only, and the summary names it. Any other skip is listed as well,
and is an error where CI=true: there, everything that the tests need is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

REASONS = {
    "slow": "slow; run them with: .venv/bin/python -m pytest --slow",
    "shared": "no ../shared/data beside the clone",
}

hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if CI else "desk")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` takes the slow tests in."""
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the settings of whoever runs the tests out of them, and the tests out of their home."""
    for name in [name for name in os.environ if name.startswith(("NAOMESH_", "PREFECT_", "AWS_"))]:
        del os.environ[name]
    home = tempfile.TemporaryDirectory(prefix="naomesh-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    os.environ["NAOMESH_HOME"] = f"{home.name}/naomesh"
    os.environ["PREFECT_HOME"] = f"{home.name}/prefect"
    os.environ["XDG_CACHE_HOME"] = f"{home.name}/cache"
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"


def left_out(item: pytest.Item) -> str:
    """The marker for which a test is left out, empty when it runs."""
    if item.get_closest_marker("slow") and not item.config.getoption("slow"):
        return "slow"
    if item.get_closest_marker("shared") and not SHARED_DATA.is_dir():
        return "shared"
    return ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is left out, and remember it for the summary."""
    omitted = [item for item in items if left_out(item)]
    config.stash[OMITTED] = [(left_out(item), item.nodeid) for item in omitted]
    if omitted:
        config.hook.pytest_deselected(items=omitted)
        items[:] = [item for item in items if not left_out(item)]


OMITTED = pytest.StashKey[list[tuple[str, str]]]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI=true, a skipped test is a failed run."""
    if CI and session.exitstatus == pytest.ExitCode.OK and skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def skips(config: pytest.Config) -> list[tuple[str, str]]:
    """(test, reason) of all tests that skipped themselves."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return [(report.nodeid, str(report.longrepr[-1] if report.longrepr else "")) for report in reports]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """End with what was left out, and why."""
    terminalreporter.section("left out", sep="-")
    omitted = config.stash.get(OMITTED, [])
    for marker, reason in REASONS.items():
        names = [name for kind, name in omitted if kind == marker]
        if names:
            terminalreporter.write_line(f"{len(names)} left out: {reason}")
            for name in names:
                terminalreporter.write_line(f"    {name}")
    for name, reason in skips(config):
        terminalreporter.write_line(f"{'ERROR, skipped in CI' if CI else 'skipped'}: {name}: {reason}")
    if not omitted and not skips(config):
        terminalreporter.write_line("nothing")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared data folder; the tests that take it carry the marker `shared`."""
    return SHARED_DATA


@pytest.fixture(scope="session")
def validate_gltf() -> Callable[[Path], dict[str, Any]]:
    """Khronos's own validator: its report on a model, in which `issues.numErrors` counts the errors."""
    folder = ROOT / "tests" / "gltf"
    if not (folder / "node_modules").is_dir():
        if shutil.which("npm") is None:
            pytest.skip("the glTF validator needs node and npm: install them")
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)

    def validate(model: Path) -> dict[str, Any]:
        command = ["node", folder / "validate.js", model]
        report: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return report

    return validate


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 2 MB, to be filled."""
    folder = tmp_path_factory.mktemp("small-disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small file system that this test fills: run the tests as root")
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
