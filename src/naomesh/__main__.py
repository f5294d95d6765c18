"""`naomesh` and `python -m naomesh`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    from naomesh.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":  # a fork server imports this module again, and must not start over
    main()
