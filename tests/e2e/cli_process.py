"""The command as a user starts it: a process, its exit code, its lines."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from naomesh.sample import sample_photos

NAOMESH = [sys.executable, "-m", "naomesh"]
PATIENCE_S = 120.0


def environment(**changes: str) -> dict[str, str]:
    """The environment of the tests, with these changes; nobody looks at a terminal."""
    return os.environ | {"NO_COLOR": "1", "NAOMESH_ENERGY_SOURCE": "none"} | changes


def naomesh(*arguments: str | Path, timeout_s: float = PATIENCE_S, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*NAOMESH, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
    )


def in_terminal(*arguments: str | Path, **changes: str) -> str:
    """Run a command in a terminal of its own; what appeared there."""
    ours, theirs = pty.openpty()
    wanted = environment(TERM="xterm-256color", COLUMNS="110", LINES="40", **changes)
    for name in ("NO_COLOR", "CI"):
        wanted.pop(name, None)
    with subprocess.Popen(
        [*NAOMESH, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=wanted
    ) as process:
        os.close(theirs)
        seen = bytearray()
        with contextlib.suppress(OSError):  # that is how a terminal says that the other side has gone
            while block := os.read(ours, 1 << 16):
                seen += block
        os.close(ours)
        process.wait(PATIENCE_S)
    return seen.decode(errors="replace")


class Running:
    """A command that goes on; what it has said so far is in `lines`."""

    def __init__(self, *arguments: str | Path, log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        self.process = psutil.Popen(
            [*NAOMESH, *map(str, arguments)],
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=dict(env),
        )

    @property
    def lines(self) -> list[str]:
        """What it has said."""
        return self._log.read_text().splitlines()

    def said(self, words: str) -> bool:
        """Whether a line has these words in it."""
        return any(words in line for line in self.lines)

    def wait_for(self, words: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until it has said something."""
        wait_until(lambda: self.said(words) or not self.process.is_running(), timeout_s, lambda: self.lines)
        assert self.said(words), self.lines

    def tree(self) -> list[psutil.Process]:
        """The command and all that it started."""
        return [self.process, *self.process.children(recursive=True)]

    def end(self, number: int, timeout_s: float = 30.0) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(number)
        return int(self.process.wait(timeout_s))


def wait_until(condition: Callable[[], bool], timeout_s: float, told: Callable[[], object] = str) -> None:
    """Wait for a condition, or fail with what was told."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


def some_photos(folder: Path, count: int = 3) -> Path:
    """A folder with a few good photographs."""
    folder.mkdir()
    for path in sorted(sample_photos().iterdir())[:count]:
        shutil.copy(path, folder)
    return folder


def one_line(done: subprocess.CompletedProcess[str], code: str, exit_code: int) -> str:
    """Assert that the command ended in one clear line with that code, and no traceback; the line."""
    assert done.returncode == exit_code, (done.stdout, done.stderr)
    assert done.stderr.startswith(f"error [{code}]: "), done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr
