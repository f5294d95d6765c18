"""What a job will take: nominal, learned, and refused where a machine cannot carry it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naomesh.engines.base import Cost, Progress, Step, StepTask
from naomesh.engines.estimate import (
    LATEST,
    Measured,
    StepEstimate,
    estimate,
    in_words,
    remaining,
    require_resources,
    total,
)
from naomesh.errors import ResourceError
from naomesh.jobs.request import Quality
from naomesh.testing.engines import NothingEngine

GB = 1_000_000_000


class Plain(NothingEngine):
    """Ten seconds, 1 GB and 100 MB per photo at every step; twice of all that for `good`."""

    name = "plain"

    def nominal(self, step: Step, task: StepTask) -> Cost:  # noqa: ARG002 - all its steps cost the same
        """The table above."""
        scale = task.photos * (2 if task.quality is Quality.GOOD else 1)
        return Cost(10.0 * scale, GB * scale, 100_000_000 * scale)


ENGINE = Plain()
TASK = StepTask(quality=Quality.BAD, photos=2, megapixels=4.0, threads=2, memory_bytes=8 * GB)


def measured(
    ratio: float = 1.0, *, step: int = 1, quality: Quality = Quality.BAD, photos: int = 3, engine: str = "plain"
) -> Measured:
    """A finished step that took `ratio` times its nominal cost."""
    scale = ratio * photos * (2 if quality is Quality.GOOD else 1)
    return Measured(engine, step, quality, photos, 6.0, "here", 10 * scale, round(GB * scale), round(1e8 * scale))


def of_step(number: int, history: list[Measured]) -> StepEstimate:
    """The estimate of one step."""
    return next(row for row in estimate(ENGINE, TASK, history) if row.step.number == number)


def test_without_history_the_nominal_cost_is_the_estimate() -> None:
    """An engine that never ran here is believed, and the estimate says so."""
    rows = estimate(ENGINE, TASK)
    assert [row.step.number for row in rows] == [0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    assert {(row.seconds, row.memory_bytes, row.disk_bytes, row.source) for row in rows} == {
        (20.0, 2 * GB, 200_000_000, "nominal")
    }


def test_one_measurement_moves_the_time_half_way() -> None:
    """The nominal counts as one measurement: a step four times slower makes the estimate twice as long."""
    row = of_step(1, [measured(4.0)])
    assert row.seconds == pytest.approx(40.0)
    assert row.source == "learned from 1 finished step"
    assert of_step(2, [measured(4.0)]).seconds == 20.0


def test_many_measurements_are_believed() -> None:
    """After many equal runs the estimate is what they took, scaled to this job's photos."""
    row = of_step(1, [measured(3.0)] * LATEST)
    assert row.seconds == pytest.approx(20 * 3 ** (LATEST / (LATEST + 1)))
    assert row.source == f"learned from {LATEST} finished steps"


def test_only_the_latest_count() -> None:
    """A machine that became faster is believed after as many runs as count."""
    row = of_step(1, [measured(1.0)] * LATEST + [measured(40.0)] * 100)
    assert row.seconds == pytest.approx(20.0)


def test_same_quality_is_preferred() -> None:
    """Runs of the other quality teach only where there is none of the same."""
    good = measured(9.0, quality=Quality.GOOD)
    assert of_step(1, [good, measured(4.0)]).seconds == pytest.approx(40.0)
    assert of_step(1, [good]).seconds == pytest.approx(60.0)


def test_other_engines_teach_nothing() -> None:
    """Steps of another engine have the same numbers and another cost."""
    assert of_step(1, [measured(4.0, engine="other")]).seconds == 20.0


def test_memory_follows_the_largest_need() -> None:
    """Memory is a need: the estimate is not the mean but the most that was seen, never below half the nominal."""
    assert of_step(1, [measured(0.8), measured(1.5), measured(0.7)]).memory_bytes == 3 * GB
    assert of_step(1, [measured(0.01)]).memory_bytes == GB


def test_one_absurd_need_among_many_is_forgiven() -> None:
    """One accident in the history does not refuse every job for ever."""
    row = of_step(1, [measured(1000.0), *[measured(1.1)] * 4])
    assert row.memory_bytes == pytest.approx(2.2 * GB)


figures = st.one_of(st.floats(), st.floats(min_value=1e-3, max_value=1e5))
sizes = st.integers(min_value=-(10**20), max_value=10**20)
absurd = st.builds(
    Measured,
    engine=st.sampled_from(["plain", "other"]),
    step=st.integers(-1, 99),
    quality=st.sampled_from(Quality),
    photos=st.integers(-5, 10**9),
    megapixels=figures,
    node=st.text(max_size=3),
    wall_s=figures,
    peak_bytes=sizes,
    disk_bytes=sizes,
)


@given(st.lists(absurd, max_size=30))
def test_no_history_makes_an_absurd_estimate(history: list[Measured]) -> None:
    """Whatever was stored, every figure stays finite, positive, and within the bounds around the nominal."""
    for row in estimate(ENGINE, TASK, history):
        assert math.isfinite(row.seconds)
        assert 20 / 50 <= row.seconds <= 20 * 50
        assert GB <= row.memory_bytes <= 8 * GB
        assert 100_000_000 <= row.disk_bytes <= 800_000_000


@given(st.lists(st.floats(min_value=0.05, max_value=20), min_size=1, max_size=LATEST))
def test_the_estimate_lies_between_nominal_and_measured(ratios: list[float]) -> None:
    """Learning never goes further than the runs that it learns from."""
    row = of_step(1, [measured(ratio) for ratio in ratios])
    bounds = [1.0, *ratios]
    assert min(bounds) * 0.999 <= row.seconds / 20 <= max(bounds) * 1.001


@given(st.sets(st.sampled_from([step.number for step in ENGINE.steps])), st.floats(0, 1))
def test_remaining_shrinks_with_what_is_done(finished: set[int], fraction: float) -> None:
    """What is left is the unfinished steps, the first of them by the part that is not done."""
    rows = estimate(ENGINE, TASK)
    left = len(rows) - len(finished)
    expected = 20.0 * (left - fraction) if left else 0.0
    assert remaining(rows, finished, Progress(fraction, 1)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "progress", [None, Progress(3, 0), Progress(math.nan, 4), Progress(1, math.nan), Progress(-1, 4)]
)
def test_progress_that_makes_no_sense_counts_as_none(progress: Progress | None) -> None:
    """A step that says nothing sensible of its progress counts as just begun."""
    assert remaining(estimate(ENGINE, TASK), [0], progress) == pytest.approx(200.0)


def test_total_adds_time_and_disk_and_takes_the_largest_memory() -> None:
    """Steps run one after the other: only memory is shared."""
    rows = estimate(ENGINE, TASK, [measured(2.0, step=14)])
    whole = total(rows)
    assert whole.memory_bytes == 4 * GB
    assert whole.peak.number == 14
    assert whole.disk_bytes == 10 * 200_000_000 + 400_000_000
    assert whole.seconds == pytest.approx(10 * 20 + 20 * math.sqrt(2))


def test_a_machine_that_is_large_enough_is_accepted() -> None:
    """Exactly enough is enough."""
    require_resources(estimate(ENGINE, TASK), TASK, memory_bytes=2 * GB, disk_bytes=2_200_000_000)


def test_too_little_memory_names_step_and_figures() -> None:
    """The refusal says how much, where, how much there is, and what to do."""
    good = StepTask(quality=Quality.GOOD, photos=2, megapixels=4.0, threads=2, memory_bytes=8 * GB)
    with pytest.raises(ResourceError) as caught:
        require_resources(estimate(ENGINE, good), good, memory_bytes=2 * GB, disk_bytes=10**15)
    assert caught.value.code == "too-little-memory"
    assert "needs about 4.0 GB of memory at step 0 listing; this machine has 2.0 GB." in caught.value.message
    assert "--quality bad" in caught.value.mend


def test_too_little_disk_names_figures() -> None:
    """Where quality is bad already, the advice is not to ask for bad."""
    with pytest.raises(ResourceError) as caught:
        require_resources(estimate(ENGINE, TASK), TASK, memory_bytes=10**12, disk_bytes=700_000_000)
    assert caught.value.code == "too-little-disk"
    assert "about 2.2 GB of disk for 2 photos; this machine has 700 MB free." in caught.value.message
    assert "--quality" not in caught.value.mend


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 kB"), (12_000, "12 kB"), (820_400_000, "820 MB"), (999_600_000, "1.0 GB"), (3_500_000_000, "3.5 GB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    """Sizes read as people write them."""
    assert in_words(size) == words
