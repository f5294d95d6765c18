"""The commands that look at jobs and move them, on a database where no Onion runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from naomesh.bootstrap import Onion
from naomesh.cli.app import run
from naomesh.energy.base import Reading
from naomesh.jobs.job import results_prefix, uploads_prefix
from naomesh.jobs.receipt import LeftOut, Photos, Receipt
from naomesh.jobs.request import Energy, JobRequest, Politic, Quality
from naomesh.jobs.states import JobState
from naomesh.storage import jobs, site, steps


@pytest.fixture
def onion(tmp_path, monkeypatch):
    """An Onion that does not run, with the engine that does nothing."""
    monkeypatch.setenv("NAOMESH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NAOMESH_ENGINE_NAME", "nothing")
    onion = Onion.configured()
    onion.open()
    yield onion
    onion.database.close()


def now():
    """The time."""
    return datetime.now(UTC)


def make(onion, job_id, *states, energy=Energy.GREEN, **columns):
    """A job that went through these states."""
    with onion.database.write() as connection:
        create(connection, job_id, energy)
        for state in states:
            jobs.move(connection, job_id, state, now=now(), message="so it went")
        if columns:
            jobs.change(connection, job_id, **columns)


def create(connection, job_id, energy=Energy.GREEN):
    """The row of a job that waits."""
    request = JobRequest(job_id, uploads_prefix(job_id), Politic(Quality.BAD, energy), now() + timedelta(hours=24))
    jobs.create(
        connection,
        request,
        now=now(),
        engine="nothing",
        photos_given=14,
        megapixels=26.9,
        expected_s=80,
        expected_draw_w=117,
    )


FINISHED = (JobState.GRANTED, JobState.RUNNING, JobState.FINISHED)
FAILED = (JobState.GRANTED, JobState.RUNNING, JobState.FAILED)


def state(onion, job_id):
    """Where a job is."""
    with onion.database.read() as connection:
        return jobs.get(connection, job_id).state


def test_looking_makes_nothing(tmp_path, monkeypatch, capsys):
    """Where no Onion ever ran, there are no jobs, and no folder afterwards."""
    monkeypatch.setenv("NAOMESH_HOME", str(tmp_path / "home"))
    assert run(["jobs"]) == 0
    assert run(["jobs", "--json"]) == 0
    assert capsys.readouterr().out == "no jobs\n[]\n"
    assert run(["show", "x"]) == 5
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", ["show", "watch", "logs", "cancel", "retry", "receipt", "delete", "fetch"])
def test_an_unknown_job_is_one_line(onion, capsys, command):
    """Every command about a job says that there is none, with the code no-job."""
    arguments = [command, "nobody", *(["-o", "x"] if command == "fetch" else [])]
    assert run(arguments) == 5
    err = capsys.readouterr().err
    assert err.startswith("error [no-job]: ")
    assert err.count("\n") == 1


def test_jobs_says_why_a_job_waits_now(onion, capsys):
    """The reason is that of now, with the reading of now, and not the one that was written when the wait began."""
    make(onion, "a", wait_reason="it was dark")
    with onion.database.write() as connection:
        site.see_worker(connection, "w", slots=1, node="n", now=now())
        site.note_reading(
            connection,
            now=now(),
            source="test",
            reading=Reading(12.0, now()),
            trusted_w=12,
            outlook=[(now() + timedelta(hours=3), 900.0)],
        )
    assert run(["jobs", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["state"] == "waiting"
    assert "there are 12 W" in found["reason"]
    expected = datetime.fromisoformat(found["expected_start"])
    assert abs(expected - now() - timedelta(hours=3)) < timedelta(minutes=1)
    assert run(["jobs"]) == 0
    assert "there are 12 W" in capsys.readouterr().out


def test_jobs_can_be_chosen(onion, capsys):
    """By state, and the last so many."""
    make(onion, "a")
    make(onion, "b", *FINISHED)
    make(onion, "c", *FAILED, error_code="disk-full", error_message="The disk ran full.")
    assert run(["jobs", "--state", "failed", "--state", "finished", "--json", "-n", "1"]) == 0
    assert [job["job_id"] for job in json.loads(capsys.readouterr().out)] == ["c"]
    assert run(["jobs"]) == 0
    out, err = capsys.readouterr()
    assert "The disk ran full." in out
    assert "nothing moves until `naomesh up`" in err


def test_a_thousand_waiting_jobs_are_explained_at_once(onion, capsys):
    """All reasons come from one plan: a long list does not take minutes."""
    with onion.database.write() as connection:
        for number in range(1000):
            create(connection, f"j{number:04}")
    began = now()
    assert run(["jobs", "--json"]) == 0
    assert now() - began < timedelta(seconds=10)
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 1000
    assert all(job["reason"] for job in found)


def test_show_tells_all(onion, capsys):
    """Facts, steps and history, for people and for programs."""
    left_out = [{"name": "IMG 7.jpg", "reason": "cut short: its end is missing"}]
    make(onion, "a", JobState.GRANTED, JobState.RUNNING, photos={"given": 14, "used": 13, "left_out": left_out})
    with onion.database.write() as connection:
        step = steps.begin(connection, "a", 5, "sfm", token=0, node="vm", draw_w=117, now=now() - timedelta(seconds=8))
        steps.end(connection, step, steps.DONE, now=now(), cpu_s=15.0, peak_bytes=900_000_000, facts={"registered": 13})
    assert run(["show", "a"]) == 0
    out = capsys.readouterr().out
    for part in ("running", "IMG 7.jpg: cut short", "Place the cameras", "900 MB", "13 photos placed", "so it went"):
        assert part in out
    assert run(["show", "a", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [event["kind"] for event in found["events"]] == ["submitted", "granted", "running"]
    assert found["steps"][0]["facts"] == {"registered": 13}
    assert found["photos"]["left_out"] == left_out


def test_logs_of_the_step_that_failed(onion, capfdbinary):
    """Without a number it is the step that failed, with one that step; another is refused with those there are."""
    make(onion, "a", *FAILED, error_code="step-failed", error_message="x", error_step=5)
    for number, name in ((1, "features"), (5, "sfm"), (-1, "prepare")):
        log = onion.home.step_log("a", number, name)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(f"log of {number} \xff\n".encode("latin-1"))
    assert run(["logs", "a"]) == 0
    assert run(["logs", "a", "--step", "1", "--follow"]) == 0
    assert run(["logs", "a", "--step", "-1"]) == 0
    assert capfdbinary.readouterr().out == b"log of 5 \xff\nlog of 1 \xff\nlog of -1 \xff\n"
    assert run(["logs", "a", "--step", "7"]) == 5
    assert b"error [no-log]: job a has no log of step 7. There are logs of" in capfdbinary.readouterr().err


def test_cancel_a_waiting_job(onion, capsys):
    """A waiting job is cancelled at once; one that has ended is not."""
    make(onion, "a")
    assert run(["cancel", "a"]) == 0
    assert state(onion, "a") is JobState.CANCELLED
    assert capsys.readouterr().out == "job a is cancelled\n"
    assert run(["cancel", "a", "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "job-ended"


def test_retry_a_failed_job(onion, capsys):
    """A failed job waits again; one that goes on is not retried."""
    make(onion, "a", *FAILED, error_code="disk-full", error_message="The disk ran full.")
    assert run(["retry", "a"]) == 0
    assert state(onion, "a") is JobState.WAITING
    assert run(["retry", "a"]) == 5
    assert "error [job-alive]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("photos-do-not-overlap", 3), ("disk-full", 4), ("out-of-memory", 4), ("step-failed", 5), ("crashed", 5)],
)
def test_watch_ends_as_the_job_ended(onion, capsys, code, exit_code):
    """The exit code says what kind of failure it was, the line its code and its words."""
    make(onion, "a", *FAILED, error_code=code, error_message="Only 3 of 14 photos could be placed.")
    assert run(["watch", "a"]) == exit_code
    assert f"error [{code}]: Only 3 of 14 photos could be placed." in capsys.readouterr().err


def test_watch_a_finished_job(onion, capsys):
    """A job that has finished ends the watching with 0."""
    make(onion, "a", *FINISHED)
    assert run(["watch", "a"]) == 0
    assert "naomesh fetch a -o OUT" in capsys.readouterr().out


def test_fetch_copies_the_results(onion, tmp_path, capsys):
    """Results of a finished job are copied, folders included; of another job there are none."""
    make(onion, "a", *FINISHED)
    make(onion, "b")
    (tmp_path / "glb").write_bytes(b"model")
    prefix = results_prefix(uploads_prefix("a"))
    for key in ("model.glb", "extra/notes.txt"):
        onion.store.put(tmp_path / "glb", f"{prefix}{key}")
    assert run(["fetch", "a", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/extra/notes.txt").read_bytes() == b"model"
    assert str(tmp_path / "out/model.glb") in capsys.readouterr().out
    assert run(["fetch", "b", "-o", str(tmp_path / "none")]) == 5
    assert "error [no-results]" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_receipt_as_table_and_as_json(onion, capsys):
    """The table names what was left out and how the energy was got; JSON is the receipt itself."""
    receipt = Receipt(
        job_id="a",
        politic=Politic(),
        engine="nothing",
        photos=Photos(14, 13, (LeftOut("IMG 7.jpg", "cut short"),)),
        submitted=now(),
        deadline=now(),
        energy_method="a model",
    ).to_dict()
    make(onion, "a", *FINISHED, receipt=receipt)
    make(onion, "b")
    assert run(["receipt", "a"]) == 0
    out = capsys.readouterr().out
    assert "left out: IMG 7.jpg: cut short" in out
    assert "energy: a model" in out
    assert run(["receipt", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == receipt
    assert run(["receipt", "b"]) == 5
    assert "error [no-receipt]" in capsys.readouterr().err


def test_delete_only_what_has_ended(onion, capsys):
    """A job that waits is cancelled first; one that has ended goes when an Onion runs."""
    make(onion, "a", *FINISHED)
    make(onion, "b")
    assert run(["delete", "a"]) == 0
    assert state(onion, "a") is JobState.DELETING
    assert "as soon as an Onion runs" in capsys.readouterr().out
    assert run(["delete", "b"]) == 5
    assert "naomesh cancel b" in capsys.readouterr().err


def test_submit_needs_an_onion(onion, tmp_path, capsys):
    """Without an Onion that runs on this home, submit says how to get one."""
    assert run(["submit", str(tmp_path)]) == 6
    err = capsys.readouterr().err
    assert err.startswith("error [no-onion]: ")
    assert "naomesh up" in err


def test_a_damaged_database_is_one_line(onion, capsys):
    """A database that is none is told as such."""
    onion.database.close()
    for file in onion.home.root.glob("naomesh.db*"):
        file.unlink()
    (onion.home.root / "naomesh.db").write_bytes(b"no database" * 1000)
    assert run(["jobs"]) == 8
    err = capsys.readouterr().err
    assert err.startswith("error [database]: ")
    assert err.count("\n") == 1
