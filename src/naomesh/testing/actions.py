"""What a step of the scripted engine does: `python actions.py '[["say", "hello"], ["exit", 3]]'`.

It needs nothing but the standard library.

["say", text]            print a line                    ["progress", done, total]  print progress
["sleep", seconds]       wait                            ["wait", path]             wait until a file is there
["touch", path]          make an empty file              ["write", path, bytes]     make a file of that size
["memory", bytes]        hold that much memory           ["burn", cpu seconds]      compute
["child", seconds]       leave a child process behind    ["ignore-term"]            do not end at SIGTERM
["exit", code]           end with that code              ["signal", number]         end by that signal
["fail-once", path, code]  end with that code, unless the file is there; make the file
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_HELD: list[bytearray] = []


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def progress(done: float, total: float) -> None:
    """Print progress in the form that the engine reads."""
    say(f"progress {done} of {total}")


def wait(path: str) -> None:
    """Wait until somebody makes the file."""
    while not Path(path).exists():
        time.sleep(0.02)


def touch(path: str) -> None:
    """Make an empty file, and the folders it stands in."""
    write(path, 0)


def write(path: str, size: int) -> None:
    """Make a file of `size` bytes that are not all the same."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    pattern = bytes(range(256)) * 4096
    with target.open("wb") as file:
        for start in range(0, size, len(pattern)):
            file.write(pattern[: size - start])


def memory(size: int) -> None:
    """Hold `size` bytes of real memory until the end."""
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    _HELD.append(held)


def burn(seconds: float) -> None:
    """Use that much CPU time."""
    while time.process_time() < seconds:
        sum(range(1000))


def child(seconds: float) -> None:
    """Start a process that outlives this one."""
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])


def ignore_term() -> None:
    """Be stubborn."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def end_by(number: int) -> None:
    """End by a signal."""
    os.kill(os.getpid(), number)
    time.sleep(60)


def fail_once(path: str, code: int) -> None:
    """End with `code` the first time."""
    if not Path(path).exists():
        touch(path)
        sys.exit(code)


ACTIONS: dict[str, Any] = {
    "say": say,
    "progress": progress,
    "sleep": time.sleep,
    "wait": wait,
    "touch": touch,
    "write": write,
    "memory": memory,
    "burn": burn,
    "child": child,
    "ignore-term": ignore_term,
    "exit": sys.exit,
    "signal": end_by,
    "fail-once": fail_once,
}

if __name__ == "__main__":
    for name, *arguments in json.loads(sys.argv[1]):
        ACTIONS[name](*arguments)
