"""What a step is expected to take where nothing was measured yet: a table fitted to measurements on two cores.

Seconds are `start + (photo x photos + pair x pairs + megapixel x megapixels) x 2 / threads` (the second part divided
only where the step uses all threads); bytes are `start + photo x photos + thread x threads`.
"""

from __future__ import annotations

from dataclasses import dataclass

from naomesh.engines.base import Cost, StepTask
from naomesh.engines.pocket.presets import PRESETS
from naomesh.jobs.request import Quality

MB = 1_000_000


@dataclass(frozen=True)
class Model:
    """One row: seconds, then resident memory and new disk in MB."""

    start_s: float = 1.0
    photo_s: float = 0.0
    pair_s: float = 0.0
    megapixel_s: float = 0.0
    parallel: bool = True
    memory_mb: float = 150
    memory_photo_mb: float = 0.0
    memory_thread_mb: float = 0.0
    disk_mb: float = 0.1
    disk_photo_mb: float = 0.0


MODELS: dict[Quality, dict[int, Model]] = {
    Quality.BAD: {
        0: Model(parallel=False, memory_mb=120),
        1: Model(photo_s=0.15, megapixel_s=0.03, memory_mb=100, memory_thread_mb=150, disk_photo_mb=0.4),
        2: Model(photo_s=0.02, parallel=False, memory_mb=100),
        3: Model(pair_s=0.012, disk_photo_mb=0.2),
        4: Model(pair_s=0.005, disk_photo_mb=0.2),
        5: Model(photo_s=0.15, memory_photo_mb=1, disk_photo_mb=0.3),
        11: Model(photo_s=0.04, megapixel_s=0.02, memory_thread_mb=30, disk_photo_mb=0.8),
        12: Model(start_s=1.5, photo_s=0.42, memory_thread_mb=190, disk_photo_mb=1),
        13: Model(start_s=4, photo_s=0.05, parallel=False, memory_mb=350, memory_photo_mb=3, disk_mb=10),
        14: Model(start_s=1.5, photo_s=0.1, parallel=False, memory_mb=350, memory_photo_mb=2, disk_mb=10),
        15: Model(start_s=2, photo_s=0.33, parallel=False, memory_mb=300, memory_photo_mb=5, disk_mb=30),
    },
    Quality.GOOD: {
        0: Model(parallel=False, memory_mb=120),
        1: Model(photo_s=0.3, megapixel_s=0.06, memory_mb=120, memory_thread_mb=300, disk_photo_mb=0.8),
        2: Model(photo_s=0.02, parallel=False, memory_mb=100),
        3: Model(pair_s=0.045, disk_photo_mb=0.4),
        4: Model(pair_s=0.01, disk_photo_mb=0.4),
        5: Model(photo_s=0.3, memory_photo_mb=2, disk_photo_mb=0.6),
        11: Model(photo_s=0.06, megapixel_s=0.02, memory_thread_mb=40, disk_photo_mb=1.5),
        12: Model(start_s=2, photo_s=3.1, memory_mb=200, memory_thread_mb=480, disk_photo_mb=2),
        13: Model(start_s=12, photo_s=0.15, parallel=False, memory_mb=700, memory_photo_mb=8, disk_mb=25),
        14: Model(start_s=6, photo_s=0.4, parallel=False, memory_mb=600, memory_photo_mb=4, disk_mb=25),
        15: Model(start_s=4, photo_s=0.6, parallel=False, memory_mb=500, memory_photo_mb=8, disk_mb=60),
    },
}


def nominal_cost(number: int, task: StepTask) -> Cost:
    """The cost of step `number`."""
    model = MODELS[task.quality][number]
    work_s = model.photo_s * task.photos + model.pair_s * pair_count(task) + model.megapixel_s * task.megapixels
    threads = max(1, task.threads)
    seconds = model.start_s + work_s * (2 / threads if model.parallel else 1)
    memory = model.memory_mb + model.memory_photo_mb * task.photos + model.memory_thread_mb * threads
    disk = model.disk_mb + model.disk_photo_mb * task.photos
    return Cost(seconds, round(memory * MB), round(disk * MB))


def pair_count(task: StepTask) -> int:
    """Pairs that step 2 will choose, about."""
    preset = PRESETS[task.quality]
    every = task.photos * (task.photos - 1) // 2
    return min(every, task.photos * preset.neighbours)
