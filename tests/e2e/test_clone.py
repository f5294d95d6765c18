"""A newcomer's first minutes: clone, make, run."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fresh_clone_prepares_itself(tmp_path):
    """Make alone turns a clone into a command, does nothing the second time, and leaves no untracked file."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)

    def make(target: str) -> str:
        return subprocess.run(["make", target], cwd=clone, check=True, capture_output=True, text=True).stdout

    for target in ("demo", "test", "check", "bench"):
        assert f"make {target}" in make("help")
    make(".venv/.ready")
    version = subprocess.run([clone / ".venv/bin/naomesh", "--version"], check=True, capture_output=True, text=True)
    assert version.stdout.startswith("naomesh ")
    begun = time.monotonic()
    make(".venv/.ready")
    assert time.monotonic() - begun < 2
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True)
    assert status.stdout == ""
