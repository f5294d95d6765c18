"""`python -m naomesh.engines.photos [--threads N]`, run on the node in the workspace."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from naomesh.engines.messages import exit_code_of, say, say_progress


def main() -> int:
    """Prepare the photographs; say how far it is, which were left out, and what went wrong."""
    return exit_code_of(_prepare, what="the photographs do", when="the photographs were prepared")


def _prepare() -> None:
    parser = argparse.ArgumentParser(prog="naomesh.engines.photos", description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    threads = max(1, parser.parse_args().threads)
    from naomesh.engines.photos.prepare import prepare

    report = prepare(Path(), threads, say_progress)
    say(f"{len(report.used)} photographs prepared, {len(report.left_out)} left out")
    for photo in report.left_out:
        say(f"left out: {photo.name!r}: {photo.reason}")


if __name__ == "__main__":
    sys.exit(main())
