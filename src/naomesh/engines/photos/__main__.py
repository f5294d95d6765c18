"""`python -m naomesh.engines.photos [--threads N]`, run on the node in the workspace."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from pathlib import Path

from naomesh.engines.messages import ERROR, PROGRESS
from naomesh.errors import NaomeshError, ResourceError


def main() -> int:
    """Prepare the photographs; say how far it is, and what went wrong, one line each."""
    parser = argparse.ArgumentParser(prog="naomesh.engines.photos", description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    threads = max(1, parser.parse_args().threads)
    from naomesh.engines.photos.prepare import prepare

    try:
        report = prepare(Path(), threads, _say_progress)
    except NaomeshError as error:
        return _say_error(error)
    except MemoryError:
        return _say_error(ResourceError("the photographs do not fit into the memory.", code="out-of-memory"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _say_error(ResourceError("the disk filled up while the photographs were prepared.", code="disk-full"))
    _say(f"{len(report.used)} photographs prepared, {len(report.left_out)} left out")
    for photo in report.left_out:
        _say(f"left out: {photo.name!r}: {photo.reason}")
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
