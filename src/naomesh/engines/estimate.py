"""What a job will take, before it starts: the engine's nominal costs, corrected by what its steps took before.

Pure: history comes in as values, nothing is read. The time of a step is its nominal time multiplied by the geometric
mean of measured over nominal, in which the nominal counts as one measurement (ratio 1), so that one odd run moves the
estimate by its square root only. Memory and disk are needs and not means: they follow the larger ratios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from naomesh.engines.base import Cost, Engine, Progress, Step, StepTask
from naomesh.errors import ResourceError
from naomesh.jobs.request import Quality

LATEST = 20
"""Measurements that count; older ones describe another machine or another version."""
TIME_RATIOS = (1 / 50, 50.0)
NEED_RATIOS = (0.5, 4.0)
"""What a ratio of measured over nominal may be; beyond it a measurement is held to be an accident and cut."""
OUTLIER_FROM = 5
"""From so many measurements on, the largest need is forgiven as an accident, and the second largest counts."""


@dataclass(frozen=True)
class Measured:
    """What one finished step of an earlier job took: the key is (engine, step), the load quality, photos (count) and
    megapixels (their sum); wall seconds, peak resident memory and new disk in bytes."""

    engine: str
    step: int
    quality: Quality
    photos: int
    megapixels: float
    node: str
    wall_s: float
    peak_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class StepEstimate:
    """What one step is expected to take: wall seconds, peak resident memory and new disk in bytes. `measurements` is
    how many finished steps it was learned from; 0: it is the engine's nominal cost."""

    step: Step
    seconds: float
    memory_bytes: int
    disk_bytes: int
    measurements: int = 0

    @property
    def source(self) -> str:
        """How the figures were got, in words."""
        if not self.measurements:
            return "nominal"
        return f"learned from {self.measurements} finished step{'s' if self.measurements > 1 else ''}"


@dataclass(frozen=True)
class Total:
    """All steps together: seconds and disk add up, memory is that of the hungriest step, `peak`."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    peak: Step
    measurements: int


def estimate(engine: Engine, task: StepTask, history: Iterable[Measured] = ()) -> list[StepEstimate]:
    """One estimate per row of the engine's table, in its order.

    `history` has the newest measurement first; other engines' and absurd ones (not finite, not positive) are ignored.
    """
    of_step: dict[int, list[Measured]] = {}
    for measured in history:
        if measured.engine == engine.name and _sensible(measured):
            of_step.setdefault(measured.step, []).append(measured)
    return [_estimate_step(engine, step, task, of_step.get(step.number, [])) for step in engine.steps]


def total(estimates: Sequence[StepEstimate]) -> Total:
    """The sum of the steps.

    :raises ValueError: there is no step.
    """
    hungriest = max(estimates, key=lambda row: row.memory_bytes)
    return Total(
        seconds=math.fsum(row.seconds for row in estimates),
        memory_bytes=hungriest.memory_bytes,
        disk_bytes=sum(row.disk_bytes for row in estimates),
        peak=hungriest.step,
        measurements=sum(row.measurements for row in estimates),
    )


def remaining(
    estimates: Sequence[StepEstimate], finished_numbers: Iterable[int], progress: Progress | None = None
) -> float:
    """Seconds from now to the end of the last step; `progress` is that of the first step which is not finished."""
    finished = set(finished_numbers)
    left = [row.seconds for row in estimates if row.step.number not in finished]
    if not left:
        return 0.0
    return left[0] * (1 - _fraction(progress)) + math.fsum(left[1:])


def require_resources(estimates: Sequence[StepEstimate], task: StepTask, *, memory_bytes: int, disk_bytes: int) -> None:
    """Refuse a job that its node cannot carry; `memory_bytes` and `disk_bytes` are what the node has to give.

    :raises ResourceError: `too-little-memory` or `too-little-disk`, with the figures in words.
    """
    need = total(estimates)
    lighter = "Use fewer photos" if task.quality is Quality.BAD else "Use --quality bad or fewer photos"
    if need.memory_bytes > memory_bytes:
        raise ResourceError(
            f"the job needs about {in_words(need.memory_bytes)} of memory at step {need.peak.number} {need.peak.name}; "
            f"this machine has {in_words(memory_bytes)}.",
            mend=f"{lighter}, or a machine with more memory.",
            code="too-little-memory",
        )
    if need.disk_bytes > disk_bytes:
        raise ResourceError(
            f"the job needs about {in_words(need.disk_bytes)} of disk for {task.photos} photos; "
            f"this machine has {in_words(disk_bytes)} free.",
            mend=f"{lighter}, or free some space.",
            code="too-little-disk",
        )


def in_words(size_bytes: int) -> str:
    """Bytes as people write them, in powers of ten: `3.5 GB`, `820 MB`, `12 kB`."""
    if size_bytes >= 999_500_000:
        return f"{size_bytes / 1e9:.1f} GB"
    if size_bytes >= 999_500:
        return f"{size_bytes / 1e6:.0f} MB"
    return f"{size_bytes / 1e3:.0f} kB"


def _estimate_step(engine: Engine, step: Step, task: StepTask, history: list[Measured]) -> StepEstimate:
    nominal = engine.nominal(step, task)
    counted = _relevant(history, task.quality)
    pairs = [(measured, engine.nominal(step, _task_of(measured, task))) for measured in counted]
    seconds = nominal.seconds * _mean_ratio([(m.wall_s, n.seconds) for m, n in pairs])
    return StepEstimate(
        step=step,
        seconds=seconds,
        memory_bytes=round(nominal.memory_bytes * _need_ratio(pairs, lambda m: m.peak_bytes, lambda n: n.memory_bytes)),
        disk_bytes=round(nominal.disk_bytes * _need_ratio(pairs, lambda m: m.disk_bytes, lambda n: n.disk_bytes)),
        measurements=len(pairs),
    )


def _sensible(measured: Measured) -> bool:
    figures = (measured.wall_s, measured.megapixels, measured.photos)
    return all(math.isfinite(figure) and figure > 0 for figure in figures)


def _relevant(history: list[Measured], quality: Quality) -> list[Measured]:
    """The latest of the same quality; where there is none, the latest of the other: the machine is the same."""
    same = [measured for measured in history if measured.quality is quality]
    return (same or history)[:LATEST]


def _task_of(measured: Measured, task: StepTask) -> StepTask:
    return replace(task, quality=measured.quality, photos=measured.photos, megapixels=measured.megapixels)


def _mean_ratio(pairs: list[tuple[float, float]]) -> float:
    low, high = TIME_RATIOS
    logs = [math.log(min(max(measured / nominal, low), high)) for measured, nominal in pairs if nominal > 0]
    return math.exp(math.fsum(logs) / (len(logs) + 1))


def _need_ratio(
    pairs: list[tuple[Measured, Cost]], need: Callable[[Measured], int], nominal: Callable[[Cost], int]
) -> float:
    low, high = NEED_RATIOS
    ratios = sorted(need(m) / nominal(n) for m, n in pairs if nominal(n) > 0 and need(m) > 0)
    if not ratios:
        return 1.0
    return min(max(ratios[-2] if len(ratios) >= OUTLIER_FROM else ratios[-1], low), high)


def _fraction(progress: Progress | None) -> float:
    if progress is None or not progress.total > 0 or not math.isfinite(progress.done):
        return 0.0
    return min(max(progress.done / progress.total, 0.0), 1.0)
