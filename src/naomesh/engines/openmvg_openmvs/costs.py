"""What each step costs where nothing was measured yet.

Measured with openMVG of March 2024 and openMVS 2.3.0 on two cores, 14 photographs of 5.67 megapixels: times and memory
of quality good, and the sums of quality bad, shared out by what each step works on. Units of work: megapixels of all
photographs, megapixels at the level at which depth is computed (a quarter per level), pairs, and photographs to the
power of 1.5 for the incremental reconstruction, whose bundle adjustments grow with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from naomesh.engines.base import Cost, StepTask
from naomesh.engines.openmvg_openmvs.steps import PRESETS
from naomesh.jobs.request import Quality

MIB = 1 << 20
MB = 1_000_000
FEATURE_BYTES_PER_MEGAPIXEL = 77 * MIB
"""Memory of one thread that looks for features, per megapixel of its photograph (892 MiB on two threads)."""

Work = Callable[[StepTask], float]


def _one(_: StepTask) -> float:
    return 1.0


def _photos(task: StepTask) -> float:
    return task.photos


def _pairs(task: StepTask) -> float:
    return task.photos * (task.photos - 1) / 2


def _adjustments(task: StepTask) -> float:
    return float(task.photos**1.5)


def _megapixels(task: StepTask) -> float:
    return task.megapixels


def _level(task: StepTask) -> float:
    return float(task.megapixels / 4 ** PRESETS[task.quality].level)


def _in_hand(task: StepTask) -> float:
    """Megapixels that the threads hold at the same time."""
    return feature_threads(task) * _one_photo(task)


def feature_threads(task: StepTask) -> int:
    """How many threads may look for features without running out of memory."""
    fit = int(task.memory_bytes * 0.9 / (_one_photo(task) * FEATURE_BYTES_PER_MEGAPIXEL))
    return max(1, min(task.threads, fit))


def _one_photo(task: StepTask) -> float:
    return max(task.megapixels / max(task.photos, 1), 0.1)


@dataclass(frozen=True)
class Rate:
    """Seconds, bytes of memory and bytes of disk per unit of work; `bad` is the factor for quality bad where less is
    found (features, matches). `base_bytes` is what the program takes before it has done anything."""

    seconds: float
    time_work: Work
    memory_bytes: float = 0
    memory_work: Work = _one
    disk_bytes: float = 0
    disk_work: Work = _one
    bad: float = 1.0
    base_bytes: int = 14 * MIB


RATES: dict[int, Rate] = {
    0: Rate(0.01, _photos, disk_bytes=700, disk_work=_photos),
    1: Rate(0.328, _megapixels, FEATURE_BYTES_PER_MEGAPIXEL, _in_hand, 0.65 * MB, _megapixels, bad=0.62),
    2: Rate(0.0005, _pairs, disk_bytes=6, disk_work=_pairs),
    3: Rate(0.093, _pairs, 8.3 * MIB, _photos, 28_000, _pairs, bad=0.45),
    4: Rate(0.0143, _pairs, 3 * MIB, _photos, 23_000, _pairs, bad=0.6),
    5: Rate(0.529, _adjustments, 13.4 * MIB, _photos, 0.85 * MB, _photos, bad=0.48),
    11: Rate(0.11, _megapixels, 12 * MIB, _in_hand, 0.27 * MB, _megapixels),
    12: Rate(55.8, _level, 58 * MIB, _level, 31.5 * MB, _level, base_bytes=300 * MIB),
    13: Rate(2.72, _level, 86 * MIB, _level, 1.5 * MB, _level, base_bytes=100 * MIB),
    14: Rate(14.66, _megapixels, 42 * MIB, _megapixels, 0.4 * MB, _megapixels, bad=0.8, base_bytes=160 * MIB),
    15: Rate(2.27, _megapixels, 20 * MIB, _megapixels, 0.87 * MB, _megapixels, bad=0.35, base_bytes=160 * MIB),
}


def nominal_cost(number: int, task: StepTask) -> Cost:
    """The cost of step `number` for the task, on two cores of 2023."""
    rate = RATES[number]
    factor = rate.bad if task.quality is Quality.BAD else 1.0
    return Cost(
        seconds=0.05 + rate.seconds * rate.time_work(task) * factor,
        memory_bytes=round(rate.base_bytes + rate.memory_bytes * rate.memory_work(task)),
        disk_bytes=round(1000 + rate.disk_bytes * rate.disk_work(task) * factor),
    )
