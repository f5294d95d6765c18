"""All that is shown of a job at one moment, read from the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from naomesh.bootstrap import Onion, utc_now
from naomesh.cli import remaining
from naomesh.engines import estimate
from naomesh.engines.base import Step, StepTask
from naomesh.jobs.job import PREPARING, STORING, Job
from naomesh.jobs.states import JobState
from naomesh.orion import situation
from naomesh.policy import decide
from naomesh.policy.model import Signals, Start, Wait
from naomesh.settings import PolicySettings
from naomesh.storage import jobs, site, steps
from naomesh.storage.database import Database
from naomesh.storage.steps import StepRun

SUN_SHOWN = timedelta(hours=24)
SUN_POINTS = 40


@dataclass(frozen=True)
class Snapshot:
    """One job and its surroundings at `now`. Powers in W; `left_s` in s, None where nobody can say."""

    now: datetime
    job: Job
    runs: tuple[StepRun, ...]
    steps: tuple[Step, ...]
    expected_s: dict[int, float]
    signals: Signals
    sun_w: tuple[float, ...]
    draw_w: float
    answer: Wait | Start | None
    left_s: float | None

    @property
    def why_waiting(self) -> str:
        """Why the job waits, in words; empty when it does not."""
        if self.job.state is not JobState.WAITING:
            return ""
        return reason_of(self.job, self.answer)

    def latest(self, number: int) -> StepRun | None:
        """The latest run of a step."""
        return next((run for run in reversed(self.runs) if run.number == number), None)

    def title(self, number: int) -> str:
        """What a step does, in words."""
        return title_of(self.steps, number)


@dataclass
class Viewer:
    """Looks at one job again and again."""

    onion: Onion
    job_id: str
    _estimates: list[estimate.StepEstimate] = field(default_factory=list)

    def look(self) -> Snapshot:
        """The job as it is now.

        :raises JobError: there is no such job (any more).
        """
        now = utc_now()
        with self.onion.database.read() as connection:
            job = jobs.get(connection, self.job_id)
            runs = tuple(steps.of_job(connection, self.job_id))
            signals, fleet = situation.load(connection, now.astimezone())
            start = max(job.submitted_at, now - SUN_SHOWN)
            production = site.production(connection, start, now) if signals.configured else []
            if not self._estimates:
                history = steps.measured(connection, job.engine)
                self._estimates = estimate.estimate(self.onion.engine(job.engine), self._task(job), history)
        answer = None
        if job.state is JobState.WAITING:
            answer = decide.explain(signals, fleet, situation.rules(self.onion.settings.policy)).get(job.job_id)
        return Snapshot(
            now=now,
            job=job,
            runs=runs,
            steps=tuple(row.step for row in self._estimates),
            expected_s={row.step.number: row.seconds for row in self._estimates},
            signals=signals,
            sun_w=tuple(resampled(production, start, now, SUN_POINTS)),
            draw_w=fleet.draw_w,
            answer=answer,
            left_s=remaining.seconds(self._estimates, job, runs, now),
        )

    def _task(self, job: Job) -> StepTask:
        room = self.onion.nodes.capacity()
        used = job.photos.get("used") if job.photos else None
        photos = used if isinstance(used, int) else job.photos_given
        return StepTask(job.quality, photos, job.megapixels, threads=room.threads, memory_bytes=room.memory_bytes)


def answers(database: Database, rules_settings: PolicySettings) -> dict[str, Wait | Start]:
    """What the policy says now of each job that waits, by job id; times in its sentences are local."""
    with database.read() as connection:
        signals, fleet = situation.load(connection, utc_now().astimezone())
    return decide.explain(signals, fleet, situation.rules(rules_settings))


def reason_of(job: Job, answer: Wait | Start | None) -> str:
    """Why a waiting job waits, in words."""
    if job.held:
        return "paused by hand, in Orion's own UI"
    if answer is None:
        return job.wait_reason or "its last worker has not yet let go of it"
    if isinstance(answer, Start):
        return f"starts any moment: {answer.reason}"
    return answer.reason


def title_of(table: tuple[Step, ...], number: int) -> str:
    """What a step does, in words; the two that no engine has, too."""
    around = {PREPARING: "Prepare the node", STORING: "Store the results"}
    return around.get(number) or next((step.title for step in table if step.number == number), f"Step {number}")


def resampled(samples: list[tuple[datetime, float]], start: datetime, end: datetime, points: int) -> list[float]:
    """The samples, each of which holds until the next, at evenly spaced times; fewer points than asked where there
    are fewer samples."""
    inside = [(max(time, start), watts) for time, watts in samples]
    if not inside:
        return []
    points = min(points, len(inside))
    step = (end - inside[0][0]) / points
    values, index = [], 0
    for point in range(1, points + 1):
        moment = inside[0][0] + step * point
        while index + 1 < len(inside) and inside[index + 1][0] <= moment:
            index += 1
        values.append(inside[index][1])
    return values
