"""Ctrl-C, SIGTERM and a closed terminal, as one exception that lets every `with` block clean up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from naomesh.cli.failures import Stopped

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Told(KeyboardInterrupt):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stopping_cleanly(line: str) -> Iterator[None]:
    """Turn the first of the signals into an exception in this block, and that into `Stopped(line)` when the block has
    cleaned up. Until then the same signal again is ignored: children end with us anyway.

    :raises Stopped: one of the signals came; its exit code is 128 and the signal's number.
    """

    def told(number: int, _frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise _Told(number)

    numbers = [number for number in NUMBERS if not (number == signal.SIGHUP and _ignored(number))]  # under nohup
    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield
    except _Told as told_by:
        raise Stopped(line, 128 + told_by.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignored(number: int) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN
