"""`python -m naomesh.engines.export`, run on the node in the workspace."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

from naomesh.engines.messages import ERROR, PROGRESS
from naomesh.errors import NaomeshError, ResourceError


def main() -> int:
    """Write the results; say how far it is, and what went wrong, one line each."""
    from naomesh.engines.export.results import export

    try:
        files = export(Path(), _say_progress)
    except NaomeshError as error:
        return _say_error(error)
    except MemoryError:
        return _say_error(ResourceError("the model does not fit into the memory.", code="out-of-memory"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _say_error(ResourceError("the disk filled up while the results were written.", code="disk-full"))
    _say(f"wrote {', '.join(files)}")
    return 0


def _say_progress(done: int, total: int) -> None:
    _say(f"{PROGRESS}{done} {total}")


def _say_error(error: NaomeshError) -> int:
    _say(ERROR + json.dumps({"code": error.code, "message": error.message, "mend": error.mend}))
    return error.exit_code


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
