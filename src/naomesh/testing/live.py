"""A whole Onion for tests and benchmarks: real processes in a folder of their own, and a sun that obeys."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from naomesh.bootstrap import Onion, utc_now
from naomesh.jobs.job import Job, uploads_prefix
from naomesh.jobs.request import Energy, JobRequest, Politic, Quality
from naomesh.policy.model import Reading
from naomesh.storage import jobs, site, steps
from naomesh.storage.steps import StepRun
from naomesh.supervisor import ROLES, Supervisor
from naomesh.testing.engines import SCRIPT

DRAW_W = 100.0
"""What a job of a test is expected to draw."""


class LiveOnion:
    """Use as a context manager; `root` is its home.

    Jobs run on the engine `scripted` (or `nothing`): `script` maps step numbers to actions (`naomesh.testing.engines`)
    and may be changed while it runs. There is no energy source but `shine`: the test is the sun.
    """

    def __init__(self, root: Path, *, engine: str = "scripted", settings: Mapping[str, str] | None = None) -> None:
        self.onion = Onion.at(root)
        self.engine = engine
        self._script = root / "script.json"
        self._settings = {
            "NAOMESH_ENGINE_NAME": engine,
            "NAOMESH_ENERGY_SOURCE": "none",
            "NAOMESH_WORKER_NAME": f"worker-{root.name}",
            "NAOMESH_WORKER_LEASE_S": "3",
            "NAOMESH_POLICY_MIN_RUN_S": "0",
            "NAOMESH_POLICY_MIN_PAUSE_S": "0",
            "NAOMESH_POLICY_MIN_LEFT_S": "0",
            SCRIPT: str(self._script),
            **(settings or {}),
        }
        self.supervisor = self._supervisor()

    def __enter__(self) -> LiveOnion:
        self.onion.open()
        self.script({})
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.supervisor.stop()
        self.onion.database.close()

    def start(self) -> None:
        """Start it, again after `kill`."""
        self.supervisor.start()
        self.supervisor.wait_ready()

    def kill(self) -> None:
        """Kill -9 of every process of the tree, all at once, as when the machine loses its power."""
        roles = [psutil.Process(pid) for pid in self.supervisor.pids().values()]
        tree = [process for role in roles for process in (role, *role.children(recursive=True))]
        for process in tree:
            process.kill()
        psutil.wait_procs(tree, timeout=10)
        self.supervisor.stop()
        self.supervisor = self._supervisor()

    def role(self, role: str) -> psutil.Process:
        """The process of a role."""
        return psutil.Process(self.supervisor.pids()[role])

    def lives(self, role: str) -> bool:
        """Whether the process of a role is there."""
        try:
            return self.role(role).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill_role(self, role: str, number: int = signal.SIGKILL) -> None:
        """Send a role a signal; `supervisor.watch` starts it again."""
        self.role(role).send_signal(number)

    # ------------------------------------------------------------------ what the test does

    def script(self, script: Mapping[str, Any]) -> None:
        """What the steps do from now on."""
        new = self._script.with_suffix(".new")
        new.write_text(json.dumps(script))
        new.replace(self._script)

    def shine(self, power_w: float, *, age_s: float = 0.0) -> None:
        """The panels give so much from now on (for as long as a reading is trusted)."""
        now = utc_now()
        with self.onion.database.write() as connection:
            reading = Reading(power_w, now - timedelta(seconds=age_s))
            trusted_w = max(0.0, power_w) if math.isfinite(power_w) else 0.0
            site.note_reading(connection, now=now, source="test", reading=reading, trusted_w=trusted_w)

    def submit(
        self,
        job_id: str,
        photos: Path,
        *,
        energy: Energy = Energy.GREEN,
        deadline_s: float = 86400.0,
        draw_w: float = DRAW_W,
        expected_s: float = 60.0,
    ) -> None:
        """A job with the photographs of a folder."""
        files = sorted(photos.iterdir())
        for file in files:
            self.onion.store.put(file, f"{uploads_prefix(job_id)}{file.name}")
        now = utc_now()
        deadline = now + timedelta(seconds=deadline_s)
        request = JobRequest(job_id, uploads_prefix(job_id), Politic(Quality.BAD, energy), deadline)
        with self.onion.database.write() as connection:
            jobs.create(
                connection,
                request,
                now=now,
                engine=self.engine,
                photos_given=len(files),
                megapixels=1.0,
                expected_s=expected_s,
                expected_draw_w=draw_w,
            )

    # ------------------------------------------------------------------ what the test sees

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        with self.onion.database.read() as connection:
            return jobs.get(connection, job_id)

    def steps(self, job_id: str) -> list[StepRun]:
        """All runs of its steps."""
        with self.onion.database.read() as connection:
            return steps.of_job(connection, job_id)

    def wait(self, job_id: str, until: Callable[[Job], bool], timeout_s: float = 60.0) -> Job:
        """Wait until the job is as it should be, while the supervisor does its work."""
        self.wait_for(lambda: until(self.job(job_id)), timeout_s, lambda: f"{self.job(job_id)}")
        return self.job(job_id)

    def wait_for(self, until: Callable[[], bool], timeout_s: float = 60.0, told: Callable[[], str] = str) -> None:
        """Wait for a condition.

        :raises TimeoutError: it did not come true.
        """
        deadline = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s:g} s: {told()}\n{self._logs()}")
            self.supervisor.watch()
            time.sleep(0.02)

    def _supervisor(self) -> Supervisor:
        return Supervisor(self.onion, ROLES, port=0, environment=self._settings)

    def _logs(self) -> str:
        logs = (self.onion.home.role_log(role) for role in ROLES)
        return "\n".join("\n".join(log.read_text().splitlines()[-15:]) for log in logs if log.exists())
