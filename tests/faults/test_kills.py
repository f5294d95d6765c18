"""Everything may die at any moment: nothing is lost, at most one step is redone, and nobody runs a job twice."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from live_support import done_once, ended, finished, make_photos, processes_of, redone

from naomesh.bootstrap import utc_now
from naomesh.jobs.states import JobState
from naomesh.scheduler import desk
from naomesh.storage import jobs, site
from naomesh.supervisor import ROLES
from naomesh.testing.live import LiveOnion

SEED = 20260621


@pytest.fixture(scope="module")
def onion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveOnion]:
    """One Onion for all tests of this file; they leave it running."""
    with LiveOnion(tmp_path_factory.mktemp("faults")) as live:
        yield live


@pytest.fixture
def live(onion: LiveOnion) -> LiveOnion:
    """The Onion, in the sun, with steps that do nothing."""
    onion.script({})
    onion.shine(1000.0)
    return onion


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs."""
    return make_photos(tmp_path / "photos")


@pytest.fixture
def in_step(live: LiveOnion, photos: Path, tmp_path: Path) -> LiveOnion:
    """A job that is in the middle of step 12, where it would stay for ten minutes."""
    here = tmp_path / "here"
    live.script({"12": [["touch", str(here)], ["sleep", 600]]})
    live.submit(job_id(tmp_path), photos)
    live.wait_for(here.exists)
    live.script({})
    return live


def job_id(folder: Path) -> str:
    """The job of a test, named by its folder."""
    return folder.name.replace("_", "-")


def check_whole(live: LiveOnion, name: str) -> None:
    """The job ended well, and lost no more than the step that was cut off."""
    assert finished(live.wait(name, ended, timeout_s=90))
    assert done_once(live, name)
    assert redone(live, name) == 1


def test_a_killed_flow_goes_on_at_its_step(in_step: LiveOnion, tmp_path: Path) -> None:
    """A kill -9 of the flow's process costs the step that ran, and takes the step's process along."""
    flow = [process for process in processes_of(in_step) if "actions.py" not in " ".join(process.cmdline())]
    for process in flow:
        process.send_signal(signal.SIGKILL)
    check_whole(in_step, job_id(tmp_path))


def test_a_killed_step_is_a_failure_that_can_be_retried(in_step: LiveOnion, tmp_path: Path) -> None:
    """A step that somebody kills failed, whoever it was; the retry computes it again."""
    step = [process for process in processes_of(in_step) if "actions.py" in " ".join(process.cmdline())]
    step[-1].send_signal(signal.SIGKILL)
    name = job_id(tmp_path)
    job = in_step.wait(name, ended)
    assert (job.state, job.error_step) == (JobState.FAILED, 12)
    desk.retry(in_step.onion, name)
    check_whole(in_step, name)


def test_a_killed_worker_takes_its_flows_along_and_comes_back(in_step: LiveOnion, tmp_path: Path) -> None:
    """A kill -9 of the worker ends its children; the next worker goes on with their jobs."""
    before = processes_of(in_step)
    assert before
    in_step.kill_role("worker")
    in_step.wait_for(lambda: not any(process.is_running() for process in before), timeout_s=10)
    check_whole(in_step, job_id(tmp_path))


def test_a_killed_orion_stops_no_step(in_step: LiveOnion, tmp_path: Path) -> None:
    """Orion may be away while a step runs; the job never notices but at the next boundary, where it waits for it."""
    in_step.kill_role("orion")
    in_step.wait_for(lambda: "orion" in in_step.supervisor.pids())
    in_step.kill_role("worker")  # the step would sleep on for ten minutes
    check_whole(in_step, job_id(tmp_path))


def test_a_machine_that_lost_its_power_goes_on(in_step: LiveOnion, tmp_path: Path) -> None:
    """Everything is killed at the same moment; after the start the job continues."""
    in_step.kill()
    in_step.start()
    in_step.shine(1000.0)
    check_whole(in_step, job_id(tmp_path))


def test_a_stopped_onion_parks_its_jobs(in_step: LiveOnion, tmp_path: Path) -> None:
    """SIGTERM ends everything in order, and what ran is waiting at its checkpoint."""
    in_step.supervisor.stop()
    job = in_step.job(job_id(tmp_path))
    assert (job.state, job.lease_worker, job.crashes) == (JobState.WAITING, None, 0)
    in_step.start()
    in_step.shine(1000.0)
    check_whole(in_step, job_id(tmp_path))


def test_kills_at_random_moments_lose_nothing(live: LiveOnion, tmp_path: Path) -> None:
    """Eight kills of anything at any moment (seeded): all jobs end well, no step is finished twice."""
    dice = random.Random(SEED)
    names = [f"random-{number}" for number in range(3)]
    live.script({"*": [["sleep", 0.15]]})
    for name in names:
        live.submit(name, make_photos(tmp_path / name))
    for _ in range(8):
        live.shine(1000.0)
        pause_until = utc_now().timestamp() + dice.uniform(0.2, 4.0)
        live.wait_for(lambda until=pause_until: utc_now().timestamp() > until)
        live.wait_for(lambda: all(map(live.lives, ROLES)))
        with contextlib.suppress(psutil.NoSuchProcess):  # it was quicker
            dice.choice([*map(live.role, ROLES), *processes_of(live)]).kill()
        with live.onion.database.write() as connection:  # so many kills are not the jobs' fault
            for name in names:
                jobs.change(connection, name, crashes=0)
    for name in names:
        job = live.wait(name, lambda job: ended(job) or job.state is JobState.FAILED, timeout_s=120)
        if job.state is JobState.FAILED:  # a step that was killed alone is a failure, and retried by its owner
            desk.retry(live.onion, name)
            live.wait(name, ended, timeout_s=120)
        assert done_once(live, name)


def test_two_workers_never_run_one_job(live: LiveOnion, tmp_path: Path) -> None:
    """A second worker shares the work: each job has one lease, one run of each step, and both workers had some."""
    environment = live.supervisor.environment_of_roles() | {"NAOMESH_WORKER_NAME": "second"}
    command = [sys.executable, "-m", "naomesh.scheduler"]
    second = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        live.script({"5": [["sleep", 1]]})
        live.wait_for(lambda: slots_of(live) == 2)
        names = [f"shared-{number}" for number in range(6)]
        for name in names:
            live.submit(name, make_photos(tmp_path / name))
        holders = set()
        for name in names:
            job = live.wait(name, lambda job: job.lease_worker is not None or job.ended_at is not None, timeout_s=90)
            holders.add(job.lease_worker)
        for name in names:
            assert finished(live.wait(name, ended, timeout_s=90))
            assert done_once(live, name)
            assert redone(live, name) == 0
        assert "second" in holders
        assert len(holders - {None}) == 2
    finally:
        second.terminate()
        second.wait(20)


def slots_of(live: LiveOnion) -> int:
    """What the workers offer together."""
    with live.onion.database.read() as connection:
        return site.slots(connection, utc_now())


def test_a_disk_that_fills_in_the_middle_of_a_step(live: LiveOnion, photos: Path, small_disk: Path) -> None:
    """The job fails with that reason, and goes on from its checkpoint when there is room again."""
    work = live.onion.home.work
    subprocess.run(["mount", "--bind", str(small_disk), str(work)], check=True)
    try:
        live.script({"12": [["write", "scripted/12/large.bin", 8_000_000]], "nominal": {"12": [1.0, 1000, 1000]}})
        live.submit("full", photos)
        job = live.wait("full", ended)
        assert (job.state, job.error_code, job.error_step) == (JobState.FAILED, "disk-full", 12)
        assert list(work.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(work)], check=True)
    live.script({})
    desk.retry(live.onion, "full")
    check_whole(live, "full")


def test_a_job_that_the_machine_cannot_carry_is_refused_by_its_node(live: LiveOnion, photos: Path) -> None:
    """What would not fit into the memory fails before its first step, with the figures."""
    offered = live.onion.nodes.capacity().memory_bytes
    live.script({"nominal": {"12": [1.0, offered * 3, 0]}})
    live.submit("greedy", photos)
    job = live.wait("greedy", ended)
    assert (job.state, job.error_code, job.error_step) == (JobState.FAILED, "too-little-memory", -1)
    assert "12 densify" in (job.error_message or "")
