"""`python -m naomesh.engines.export`, run on the node in the workspace."""

from __future__ import annotations

import sys
from pathlib import Path

from naomesh.engines.messages import exit_code_of, say, say_progress


def main() -> int:
    """Write the results; say how far it is, and what went wrong."""
    return exit_code_of(_write, what="the model does", when="the results were written")


def _write() -> None:
    from naomesh.engines.export.results import export

    say(f"wrote {', '.join(export(Path(), say_progress))}")


if __name__ == "__main__":
    sys.exit(main())
