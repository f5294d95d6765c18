"""Jobs, signals and fleets for the tests of the policy: a summer morning, ecotype's watts, a job of half an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from naomesh.policy.model import Fleet, JobView, Reading, Rules, Signals

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)
DRAW_W = 117.0
RULES = Rules()


def job(
    name: str = "a",
    *,
    green: bool = True,
    deadline_s: float = 86400.0,
    draw_w: float = DRAW_W,
    left_s: float = 1800.0,
    since_s: float | None = None,
) -> JobView:
    """A job; `deadline_s` and `since_s` are seconds from NOW (`since_s` usually negative)."""
    since = None if since_s is None else NOW + timedelta(seconds=since_s)
    deadline = NOW + timedelta(seconds=deadline_s)
    return JobView(name, green, deadline, draw_w, left_s, NOW - timedelta(hours=1), since)


def sun(power_w: float, *, now: datetime = NOW, age_s: float = 0.0, **more: object) -> Signals:
    """A reading of `power_w`, `age_s` old."""
    return Signals(now, Reading(power_w, now - timedelta(seconds=age_s)), **more)  # type: ignore[arg-type]


def batch(count: int, **same: object) -> tuple[JobView, ...]:
    """Equal jobs, each with a deadline a second after the one before."""
    return tuple(job(f"job{index:04d}", deadline_s=86400.0 + index, **same) for index in range(count))  # type: ignore[arg-type]


def jobs(prefix: str, *, max_size: int = 6) -> st.SearchStrategy[tuple[JobView, ...]]:
    """Any few jobs, their names beginning with `prefix`."""
    one = st.builds(
        job,
        green=st.booleans(),
        deadline_s=st.floats(-3600, 200_000),
        draw_w=st.floats(0, 500),
        left_s=st.floats(0, 50_000),
        since_s=st.none() | st.floats(-10_000, 0),
    )

    def named(found: list[JobView]) -> tuple[JobView, ...]:
        return tuple(
            JobView(f"{prefix}{index}", view.green, view.deadline, view.draw_w, view.left_s, view.submitted, view.since)
            for index, view in enumerate(found)
        )

    return st.lists(one, max_size=max_size).map(named)


def fleets() -> st.SearchStrategy[Fleet]:
    """Any small fleet, also one with more jobs than slots."""
    return st.builds(Fleet, st.integers(0, 8), jobs("run"), jobs("grant", max_size=3), jobs("wait"))


def rules() -> st.SearchStrategy[Rules]:
    """Any reasonable rules."""
    return st.builds(
        Rules,
        minimum_production_w=st.floats(0, 500),
        start_fraction=st.floats(0.1, 1),
        pause_below_w=st.floats(-200, 0),
        min_run_s=st.floats(0, 1000),
        min_pause_s=st.floats(0, 1000),
        min_left_s=st.floats(0, 2000),
        min_slack_s=st.floats(0, 4000),
        guard_margin=st.floats(1, 3),
        guard_early_s=st.floats(0, 2000),
    )


def all_signals() -> st.SearchStrategy[Signals]:
    """Signals of every kind: good, late, early, absurd, none at all, no source."""
    power_w = st.floats(-100, 6000) | st.floats(allow_nan=True, allow_infinity=True)
    reading = st.builds(
        lambda watts, age_s: Reading(watts, NOW - timedelta(seconds=age_s)),
        power_w,
        st.floats(-100_000, 100_000) | st.just(0.0),
    )
    points = st.lists(
        st.tuples(st.integers(-3600, 86400), st.floats(0, 5000)), max_size=12, unique_by=lambda row: row[0]
    )
    outlook = points.map(lambda rows: tuple((NOW + timedelta(seconds=second), watts) for second, watts in sorted(rows)))
    return st.builds(
        Signals,
        st.just(NOW),
        st.none() | reading,
        configured=st.booleans(),
        problem=st.sampled_from(["", "the source has not answered for 12 s", "two\nlines"]),
        outlook=outlook,
    )
