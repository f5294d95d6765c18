"""Processes of a step: spawned (forking with OpenCV's threads deadlocks), single-threaded, and never orphaned."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

_PR_SET_PDEATHSIG = 1

ENVIRONMENT = {
    # The steps bring processes of their own, and small products only lose time to more threads.
    "OPENBLAS_NUM_THREADS": "1",
    # Pictures of a few hundred kB come and go by the thousand: keep their memory, instead of getting it from the kernel
    # and giving it back each time. That alone halves the time of the plane sweep.
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}
"""For the processes of a step; it counts from their start only."""


class Crew:
    """A few processes that work through lists of jobs; they keep what they have read from one list to the next."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run_all(
        self, work: Callable[[Job], Result], jobs: Iterable[Job], on_done: Callable[[int], None]
    ) -> list[Result]:
        """`work` of every job, in the order of the jobs; `on_done` hears how many are done.

        :raises concurrent.futures.process.BrokenProcessPool: a process was killed from outside (memory).
        """
        futures = [self._pool.submit(work, job) for job in jobs]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            on_done(done)
        return [future.result() for future in futures]

    def run_in_order(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """`work` of every job, one after the other as they are asked for."""
        return self._pool.map(work, jobs)


@contextmanager
def crew(processes: int, prepare: Callable[..., None] | None = None, given: tuple[object, ...] = ()) -> Iterator[Crew]:
    """That many processes, each of which calls `prepare(*given)` first; they are gone when the block ends, however it
    ends."""
    os.environ.update(ENVIRONMENT)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        max(1, processes), mp_context=context, initializer=_start, initargs=(prepare, given)
    ) as pool:
        try:
            yield Crew(pool)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; do nothing where the kernel knows no such thing."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def _start(prepare: Callable[..., None] | None, given: tuple[object, ...]) -> None:
    die_with_parent()
    import cv2

    cv2.setNumThreads(1)
    if prepare is not None:
        prepare(*given)
