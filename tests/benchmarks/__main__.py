"""Runs the benchmarks, one after another: every module in this folder with a `main(argv)`, in a process of its own.

    python tests/benchmarks             all of them
    python tests/benchmarks engine -v   one, with arguments of its own

A benchmark prints its figures with the floor beside each (`floors.figure`) and returns 0, or 1 where one is missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RUN = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
sys.exit(importlib.import_module(sys.argv[2]).main(sys.argv[3:]))
"""


def names() -> list[str]:
    """The benchmarks there are."""
    modules = (path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("_"))
    return [path.stem for path in modules if "\ndef main(" in path.read_text()]


def main(argv: list[str]) -> int:
    """Run one benchmark with its arguments, or all of them."""
    known = names()
    if argv and argv[0] not in known:
        print(f"there is no benchmark {argv[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    missed = []
    for name in argv[:1] or known:
        print(f"\n== {name} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
        begun = time.monotonic()
        if subprocess.run([sys.executable, "-c", RUN, str(FOLDER), name, *argv[1:]], check=False).returncode:
            missed.append(name)
        print(f"== {name}: {time.monotonic() - begun:.0f} s", flush=True)
    print(f"\nmissed floors: {', '.join(missed)}" if missed else "\nall floors reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
