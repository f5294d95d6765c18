"""Runs one program under the keeper, and brings its output, line by line, to a log and to a listener."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

KEEPER = (
    f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import keeper; "
    "keeper.main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])"
)
"""Imported, not run as a script, so that Python keeps it compiled; alone, because the package would cost more."""

KILLED = f"{-signal.SIGKILL} 0 0 0 ".encode()
"""What stands for the report of a keeper that was killed."""
MARK = "NAOMESH_WORKSPACE"
"""Every process of a program carries its folder in this variable; so what escaped is found again."""
MAX_LINE_BYTES = 1 << 16
TAIL_LINES = 50

_CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) != "\t"}
"""A log is shown in terminals, and file names and EXIF texts stand in it: nothing in it may steer one."""


@dataclass(frozen=True)
class Ended:
    """How a program ended: exit code (negative: the signal), wall and CPU seconds, peak resident bytes of its tree,
    the resident bytes for which it was killed (or 0), the last lines of its output."""

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    killed_bytes: int
    tail: Sequence[str]


def run(
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    limit_bytes: int,
    log: Path,
    on_line: Callable[[str], None],
) -> Ended:
    """Run `argv` in `folder` until it ends; its whole tree has ended too when this returns or raises.

    The program stands in the caller's process group, reads nothing, and dies with the calling thread. Its output is
    appended to `log`: text in UTF-8, where a carriage return ends a line too, longer lines than 64 KiB are cut, and
    what is no text is replaced. What `on_line` raises ends the program.

    :raises OSError: the log cannot be written.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    log.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with log.open("ab", buffering=0) as written, _keeper(argv, folder, env, limit_bytes) as (printed, reported):

        def hear(lines: Sequence[str]) -> None:
            written.write("".join(f"{line}\n" for line in lines).encode())
            for line in lines:
                tail.append(line)
                on_line(line)

        splitter = Splitter()
        report = KILLED
        poll = select.poll()
        todo = {source.fileno(): source for source in (printed, reported)}
        for descriptor in todo:
            poll.register(descriptor)
        while todo:
            for descriptor, _ in poll.poll():
                chunk = todo[descriptor].read(1 << 16)
                if todo[descriptor] is printed:
                    hear(list(splitter.feed(chunk)))
                elif chunk:
                    report = chunk
                elif report == KILLED:  # and the program with it, but not the children of that
                    end_strays(folder)
                if not chunk:
                    poll.unregister(descriptor)
                    del todo[descriptor]
        hear(list(splitter.rest()))
        exit_code, cpu_s, peak_bytes, killed_bytes, not_started = report.decode().split(" ", 4)
        if not_started:
            hear([f"{argv[0]}: {not_started}"])
    return Ended(
        int(exit_code), time.monotonic() - begun, float(cpu_s), int(peak_bytes), int(killed_bytes), tuple(tail)
    )


@contextlib.contextmanager
def _keeper(
    argv: Sequence[str], folder: Path, env: Mapping[str, str], limit_bytes: int
) -> Iterator[tuple[FileIO, FileIO]]:
    """The output and the report of a keeper that runs `argv`. It has ended when the block has ended."""
    report, report_end = os.pipe()
    output, output_end = os.pipe()
    with FileIO(output) as printed, FileIO(report) as reported:
        try:
            keeper = subprocess.Popen(
                (sys.executable, "-I", "-S", "-c", KEEPER, str(report_end), str(os.getpid()), str(limit_bytes), *argv),
                cwd=folder,
                env={**env, MARK: str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=subprocess.STDOUT,
                pass_fds=(report_end,),
            )
        finally:
            os.close(report_end)
            os.close(output_end)
        with keeper:
            try:
                yield printed, reported
            except BaseException:
                keeper.terminate()
                raise


def end_strays(folder: Path) -> None:
    """Kill what earlier programs left in `folder`: those of a keeper that was killed (with its caller, perhaps), and
    those of a worker that has lost the job and does not know it yet."""
    mark = f"{MARK}={folder}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it is gone, or belongs to somebody else
            if mark in (process / "environ").read_bytes().split(b"\0") and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)


class Splitter:
    """Cuts a stream of bytes into lines of text."""

    def __init__(self) -> None:
        self._open = b""
        self._after_return = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that `chunk` completes. A carriage return completes one as well: so programs renew a line."""
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        lines = (self._open + chunk).splitlines(keepends=True)
        self._after_return = bool(lines) and lines[-1].endswith(b"\r") and lines[-1] != b"\r"
        self._open = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        for line in lines:
            if line != b"\r":
                yield from _cut(line.rstrip(b"\r\n"))
        while len(self._open) > MAX_LINE_BYTES:
            yield _text(self._open[:MAX_LINE_BYTES])
            self._open = self._open[MAX_LINE_BYTES:]

    def rest(self) -> Iterator[str]:
        """The last line, where nothing ended it."""
        if self._open:
            yield _text(self._open)


def _cut(line: bytes) -> Iterator[str]:
    for begin in range(0, max(1, len(line)), MAX_LINE_BYTES):
        yield _text(line[begin : begin + MAX_LINE_BYTES])


def _text(line: bytes) -> str:
    return line.decode(errors="replace").translate(_CONTROL)
