"""A whole Onion: real Prefect server, real worker, real processes, on an engine that does as it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live_support import done_once, ended, finished, make_photos, processes_of, redone, run_state, set_run_state

from naomesh.jobs.job import checkpoints_prefix, results_prefix
from naomesh.jobs.request import Energy
from naomesh.jobs.states import JobState
from naomesh.scheduler import desk
from naomesh.storage import jobs
from naomesh.testing.live import LiveOnion

SUNNY_W = 1000.0


@pytest.fixture(scope="module")
def onion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveOnion]:
    """One Onion for all tests of this file."""
    with LiveOnion(tmp_path_factory.mktemp("onion")) as live:
        yield live


@pytest.fixture
def live(onion: LiveOnion) -> LiveOnion:
    """The Onion, in the sun, with steps that do nothing."""
    onion.script({})
    onion.shine(SUNNY_W)
    return onion


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs."""
    return make_photos(tmp_path / "photos")


def test_a_job_runs_all_its_steps_and_leaves_results_and_a_receipt(live: LiveOnion, photos: Path) -> None:
    """Photographs in, results out, every step once and in order, and the checkpoints are gone."""
    live.submit("whole", photos)
    job = live.wait("whole", ended)
    assert (job.state, job.step_idx, job.node) == (JobState.FINISHED, 99, None)
    assert [run.number for run in live.steps("whole")] == [-1, 0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 99]
    keys = [key for key, _size in live.onion.store.list(results_prefix(job.pictures_obj_key))]
    assert f"{results_prefix(job.pictures_obj_key)}receipt.json" in keys
    assert len(keys) == 12
    assert live.onion.store.list(checkpoints_prefix(job.pictures_obj_key)) == []
    assert run_state(live, "whole")[0] == "COMPLETED"
    assert not (live.onion.home.work / "whole").exists()


def test_the_receipt_adds_up(live: LiveOnion, photos: Path) -> None:
    """Solar and grid are all there is, and in full sun nothing comes from the grid."""
    live.submit("receipt", photos)
    receipt = live.wait("receipt", ended).receipt
    assert receipt is not None
    totals = receipt["totals"]
    assert totals["energy_wh"] == pytest.approx(totals["solar_wh"] + totals["grid_wh"])
    assert totals["energy_wh"] == pytest.approx(sum(step["energy_wh"] for step in receipt["steps"]))
    assert 0 < totals["solar_wh"] == pytest.approx(totals["energy_wh"], rel=0.05)
    assert receipt["photos"] == {"given": 3, "used": 3, "left_out": []}


def test_a_green_job_waits_for_the_sun_without_a_process(live: LiveOnion, photos: Path) -> None:
    """A waiting job is a row; its reason is there for those who ask, in Prefect's own UI too."""
    live.shine(0.0)
    live.submit("dark", photos)
    live.wait("dark", lambda job: job.flow_synced)
    live.wait_for(lambda: run_state(live, "dark")[1] == "AwaitingSun")
    assert "sun" in run_state(live, "dark")[2]
    assert "sun" in desk.explain(live.onion)["dark"].reason
    assert processes_of(live) == []
    live.shine(SUNNY_W)
    assert finished(live.wait("dark", ended))


def test_a_bypass_job_starts_at_once(live: LiveOnion, photos: Path) -> None:
    """Bypass does not ask the sun, and pays with the grid."""
    live.shine(0.0)
    live.submit("bypass", photos, energy=Energy.BYPASS)
    receipt = live.wait("bypass", ended).receipt
    assert receipt is not None
    assert receipt["totals"]["solar_wh"] == 0
    assert receipt["totals"]["grid_wh"] > 0


def test_a_job_pauses_between_two_steps_and_goes_on_when_the_sun_is_back(
    live: LiveOnion, photos: Path, tmp_path: Path
) -> None:
    """When the sun goes, the process ends and the node is released; when it returns, the next step follows."""
    here, go = tmp_path / "here", tmp_path / "go"
    live.script({"11": [["touch", str(here)], ["wait", str(go)]]})
    live.submit("cloud", photos, expected_s=3600.0)
    live.wait_for(here.exists)
    live.shine(0.0)
    go.touch()
    job = live.wait("cloud", lambda job: job.state is JobState.WAITING and job.lease_worker is None)
    assert (job.status, job.pauses, job.node) == ("paused", 1, None)
    assert run_state(live, "cloud")[:2] == ("SCHEDULED", "AwaitingSun")
    assert processes_of(live) == []
    assert not (live.onion.home.work / "cloud").exists()
    live.shine(SUNNY_W)
    assert finished(live.wait("cloud", ended))
    assert done_once(live, "cloud")
    assert redone(live, "cloud") == 0
    assert [run.number for run in live.steps("cloud")].count(-1) == 2


def test_cancel_in_the_middle_of_a_step_leaves_no_process(live: LiveOnion, photos: Path, tmp_path: Path) -> None:
    """Within ten seconds nothing of the job runs, and a stubborn step is no exception."""
    here = tmp_path / "here"
    live.script({"12": [["ignore-term"], ["child", 600], ["touch", str(here)], ["sleep", 600]]})
    live.submit("cancelled", photos)
    live.wait_for(here.exists)
    desk.cancel(live.onion, "cancelled")
    job = live.wait("cancelled", ended, timeout_s=10)
    assert job.state is JobState.CANCELLED
    assert run_state(live, "cancelled")[0] == "CANCELLED"
    assert processes_of(live) == []
    assert not (live.onion.home.work / "cancelled").exists()


def test_a_cancelled_job_is_retried_from_its_last_checkpoint(live: LiveOnion, photos: Path, tmp_path: Path) -> None:
    """What was finished before the cancel is not computed again."""
    here = tmp_path / "here"
    live.script({"13": [["touch", str(here)], ["sleep", 600]]})
    live.submit("again", photos)
    live.wait_for(here.exists)
    desk.cancel(live.onion, "again")
    live.wait("again", ended)
    live.script({})
    desk.retry(live.onion, "again")
    assert finished(live.wait("again", ended))
    assert done_once(live, "again")
    assert run_state(live, "again")[0] == "COMPLETED"


def test_a_failed_step_says_why_and_is_retried(live: LiveOnion, photos: Path, tmp_path: Path) -> None:
    """A failure names the step; a retry begins with it."""
    live.script({"5": [["say", "the cameras are nowhere"], ["fail-once", str(tmp_path / "once"), 3]]})
    live.submit("fails", photos)
    job = live.wait("fails", ended)
    assert (job.state, job.error_code, job.error_step) == (JobState.FAILED, "step-failed", 5)
    assert "the cameras are nowhere" in (job.error_message or "")
    assert run_state(live, "fails")[0] == "FAILED"
    assert not (live.onion.home.work / "fails").exists()
    desk.retry(live.onion, "fails")
    assert finished(live.wait("fails", ended))
    assert done_once(live, "fails")
    assert redone(live, "fails") == 1


def test_unreadable_photographs_fail_the_job_with_their_own_code(live: LiveOnion, tmp_path: Path) -> None:
    """What the photographs lack is said in the words of the photographs."""
    folder = make_photos(tmp_path / "bad")
    for file in folder.iterdir():
        file.write_bytes(b"no photograph")
    live.submit("bad", folder)
    job = live.wait("bad", ended)
    assert (job.state, job.error_code, job.error_step) == (JobState.FAILED, "photos-unreadable", -1)


def test_paused_by_hand_in_prefect_waits_for_that_hand(live: LiveOnion, photos: Path, tmp_path: Path) -> None:
    """A person's pause acts at the next boundary, no sun ends it, and the resume goes through the gate."""
    here, go = tmp_path / "here", tmp_path / "go"
    live.script({"2": [["touch", str(here)], ["wait", str(go)]]})
    live.submit("hand", photos)
    live.wait_for(here.exists)
    set_run_state(live, "hand", {"type": "PAUSED", "name": "Paused"})
    go.touch()
    job = live.wait("hand", lambda job: job.state is JobState.WAITING and job.lease_worker is None)
    assert job.held
    assert processes_of(live) == []
    live.shine(0.0)
    url = f"{live.supervisor.url}/flow_runs/{job.flow_run_id}/resume"
    httpx.post(url).raise_for_status()
    live.wait("hand", lambda job: not job.held)
    assert run_state(live, "hand")[:2] == ("SCHEDULED", "AwaitingSun")
    live.shine(SUNNY_W)
    assert finished(live.wait("hand", ended))
    assert done_once(live, "hand")


def test_cancelled_by_hand_in_prefect_cancels_the_job(live: LiveOnion, photos: Path, tmp_path: Path) -> None:
    """Prefect's own cancel button stops the steps too."""
    here = tmp_path / "here"
    live.script({"1": [["touch", str(here)], ["sleep", 600]]})
    live.submit("button", photos)
    live.wait_for(here.exists)
    set_run_state(live, "button", {"type": "CANCELLING", "name": "Cancelling"})
    assert live.wait("button", ended, timeout_s=10).state is JobState.CANCELLED
    assert processes_of(live) == []


def test_a_waiting_job_is_cancelled_and_stays_so(live: LiveOnion, photos: Path) -> None:
    """The sun does not wake what was cancelled in the dark."""
    live.shine(0.0)
    live.submit("never", photos)
    live.wait("never", lambda job: job.flow_synced)
    desk.cancel(live.onion, "never")
    live.wait("never", lambda job: job.flow_synced)
    live.shine(SUNNY_W)
    live.submit("other", photos)
    live.wait("other", ended)
    assert live.job("never").state is JobState.CANCELLED
    assert run_state(live, "never")[0] == "CANCELLED"
    assert live.steps("never") == []


def test_a_run_that_was_deleted_in_prefect_is_made_again(live: LiveOnion, photos: Path) -> None:
    """Our rows are the truth: a job outlives its flow run."""
    live.shine(0.0)
    live.submit("orphan", photos)
    first = live.wait("orphan", lambda job: job.flow_synced).flow_run_id
    httpx.delete(f"{live.supervisor.url}/flow_runs/{first}").raise_for_status()
    live.shine(SUNNY_W)
    job = live.wait("orphan", ended)
    assert finished(job)
    assert job.flow_run_id != first


def test_a_deleted_job_leaves_nothing(live: LiveOnion, photos: Path) -> None:
    """Row, run, photographs, results and logs go together."""
    live.submit("gone", photos)
    job = live.wait("gone", ended)
    desk.delete(live.onion, "gone")

    def forgotten() -> bool:
        with live.onion.database.read() as connection:
            return jobs.find(connection, "gone") is None

    live.wait_for(forgotten)
    assert live.onion.store.list("jobgone/") == []
    assert not live.onion.home.job_logs("gone").exists()
    assert httpx.get(f"{live.supervisor.url}/flow_runs/{job.flow_run_id}").status_code == 404


def test_the_deadline_starts_a_job_in_the_dark(live: LiveOnion, photos: Path) -> None:
    """A deadline that leaves no time to wait is worth grid power."""
    live.shine(0.0)
    live.submit("due", photos, deadline_s=300.0, expected_s=60.0)
    job = live.wait("due", ended)
    assert finished(job)
    assert job.forced


def test_runs_are_seen_in_the_work_pool(live: LiveOnion, photos: Path) -> None:
    """Prefect's UI shows the runs under their deployment, and the worker in its pool."""
    live.submit("seen", photos)
    job = live.wait("seen", ended)
    run = httpx.get(f"{live.supervisor.url}/flow_runs/{job.flow_run_id}").json()
    deployment = httpx.get(f"{live.supervisor.url}/deployments/{run['deployment_id']}").json()
    assert (run["name"], deployment["name"], deployment["work_pool_name"]) == ("seen", "onion", "naomesh")
    workers = httpx.post(f"{live.supervisor.url}/work_pools/naomesh/workers/filter", json={}).json()
    assert [worker["status"] for worker in workers] == ["ONLINE"]
    names = httpx.post(
        f"{live.supervisor.url}/task_runs/filter",
        json={"flow_runs": {"id": {"any_": [job.flow_run_id]}}, "sort": "NAME_ASC"},
    ).json()
    assert "12 densify" in json.dumps(names)


def test_nothing_runs_without_a_grant(live: LiveOnion, photos: Path) -> None:
    """Whoever proposes RUNNING for a job that waits, past the worker, finds the gate there too."""
    live.shine(0.0)
    live.submit("eager", photos)
    job = live.wait("eager", lambda job: job.flow_synced)
    url = f"{live.supervisor.url}/flow_runs/{job.flow_run_id}/set_state"
    answer = httpx.post(url, json={"state": {"type": "RUNNING"}, "force": False}).json()
    assert answer["status"] == "REJECT"
    assert (answer["state"]["type"], answer["state"]["name"]) == ("SCHEDULED", "AwaitingSun")
    assert live.job("eager").state is JobState.WAITING
    desk.cancel(live.onion, "eager")
