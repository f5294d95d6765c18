"""Our tables: moves, leases, steps, readings."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import LATER, NOON, a_request, add
from sqlalchemy import inspect, text

from naomesh.errors import IllegalMove, JobError, LeaseLost, StorageError
from naomesh.jobs.request import Energy
from naomesh.jobs.states import JobState, legal
from naomesh.policy.model import Reading
from naomesh.scheduler import recovery
from naomesh.storage import jobs, leases, site, steps
from naomesh.storage.database import Database
from naomesh.storage.tables import metadata


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh database."""
    made = Database(f"sqlite:///{tmp_path / 'naomesh.db'}")
    made.migrate()
    yield made
    made.close()


def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    """What the migrations build is what the code believes in, to the column."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "naomesh_alembic_version"})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    """Every start migrates; a database of today stays as it is."""
    with database.write() as connection:
        add(connection)
    database.migrate()
    with database.read() as connection:
        assert jobs.get(connection, "7").photos_given == 14
        assert "alembic_version" not in inspect(connection).get_table_names()


def test_a_schema_of_tomorrow_is_refused(database: Database) -> None:
    """An older Naomesh does not touch what a newer one wrote."""
    with database.write() as connection:
        connection.execute(text("UPDATE naomesh_alembic_version SET version_num = 'tomorrow'"))
    with pytest.raises(StorageError, match="does not know") as refusal:
        database.migrate()
    assert refusal.value.code == "schema-too-new"


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    """A damaged database is said to be one, without a traceback of its driver."""
    (tmp_path / "naomesh.db").write_text("this is not a database, however long it is" * 100)
    with pytest.raises(StorageError, match=r"refused: file is not a database") as refusal:
        Database(f"sqlite:///{tmp_path / 'naomesh.db'}").migrate()
    assert "\n" not in str(refusal.value)


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    """A transaction is whole or it is not."""
    with pytest.raises(RuntimeError), database.write() as connection:
        add(connection)
        raise RuntimeError
    with database.read() as connection:
        assert jobs.find(connection, "7") is None


def test_the_same_request_again_is_the_same_job(database: Database) -> None:
    """Creating is idempotent, and another request under a known id is refused."""
    with database.write() as connection:
        first = add(connection)
        again = add(connection, now=NOON + timedelta(hours=1))
        assert again.submitted_at == first.submitted_at
        with pytest.raises(JobError) as refusal:
            add(connection, a_request(energy=Energy.BYPASS))
    assert refusal.value.code == "job-exists"


@pytest.mark.parametrize("source", JobState)
@pytest.mark.parametrize("target", JobState)
def test_only_legal_moves_are_made(database: Database, source: JobState, target: JobState) -> None:
    """The database moves a job exactly where the table of moves lets it go."""
    with database.write() as connection:
        add(connection)
        connection.execute(text("UPDATE jobs SET state = :state"), {"state": source.value})
        if legal(source, target):
            jobs.move(connection, "7", target, now=NOON)
            assert jobs.get(connection, "7").state is target
        else:
            with pytest.raises(IllegalMove):
                jobs.move(connection, "7", target, now=NOON)
            assert jobs.get(connection, "7").state is source


def test_a_lease_is_taken_once(database: Database) -> None:
    """Of two workers that want a granted job, one gets it."""
    with database.write() as connection:
        add(connection)
        assert leases.take(connection, "7", "early", now=NOON, lease_s=30) is None  # not granted yet
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        token = leases.take(connection, "7", "one", now=NOON, lease_s=30)
        assert token is not None
        assert leases.take(connection, "7", "two", now=NOON, lease_s=30) is None
        leases.check(connection, "7", token)


def test_a_late_worker_is_refused_before_it_writes(database: Database) -> None:
    """Once a job was taken over, its former holder changes nothing any more."""
    with database.write() as connection:
        add(connection)
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        old = leases.take(connection, "7", "one", now=NOON, lease_s=30)
        assert old is not None
        jobs.move(connection, "7", JobState.RUNNING, now=NOON, token=old)
        recovery.recover(connection, NOON + timedelta(seconds=31))
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        new = leases.take(connection, "7", "two", now=NOON, lease_s=30)
        assert new is not None
        assert new > old
        for write in (
            lambda: jobs.move(connection, "7", JobState.RUNNING, now=NOON, token=old),
            lambda: jobs.change(connection, "7", token=old, progress_done=1),
            lambda: leases.check(connection, "7", old),
        ):
            with pytest.raises(LeaseLost):
                write()


def test_a_lease_that_is_renewed_is_kept(database: Database) -> None:
    """A worker that says that it lives loses nothing."""
    with database.write() as connection:
        add(connection)
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        leases.take(connection, "7", "one", now=NOON, lease_s=30)
        leases.renew(connection, "one", ["7"], now=NOON + timedelta(seconds=25), lease_s=30)
        assert recovery.recover(connection, NOON + timedelta(seconds=50)) == []


def test_a_dead_workers_job_waits_again_with_its_steps_closed(database: Database) -> None:
    """What a dead worker held goes back to the queue, and the energy it used until then is counted."""
    with database.write() as connection:
        add(connection)
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        token = leases.take(connection, "7", "one", now=NOON, lease_s=30)
        jobs.move(connection, "7", JobState.RUNNING, now=NOON, token=token, started_at=NOON)
        steps.begin(connection, "7", 12, "densify", token=1, node="n", draw_w=117, now=NOON)
        recovery.recover(connection, NOON + timedelta(minutes=5))
        job, run = jobs.get(connection, "7"), steps.of_job(connection, "7")[0]
        assert (job.state, job.status, job.crashes, job.lease_worker) == (JobState.WAITING, "paused", 1, None)
        assert (run.outcome, run.wall_s) == (steps.STOPPED, 30.0)
        assert jobs.unsynced(connection)[0].job_id == "7"


def test_a_job_that_kills_its_process_again_and_again_fails(database: Database) -> None:
    """Three deaths without a finished step in between are the job's own fault."""
    with database.write() as connection:
        add(connection)
        for _ in range(recovery.MOST_CRASHES):
            jobs.move(connection, "7", JobState.GRANTED, now=NOON)
            leases.take(connection, "7", "one", now=NOON, lease_s=30)
            recovery.recover(connection, NOON + timedelta(minutes=1))
        job = jobs.get(connection, "7")
        assert (job.state, job.error_code) == (JobState.FAILED, "crashed")


def test_a_grant_that_nobody_picks_up_is_taken_back(database: Database) -> None:
    """A worker that dies between the grant and the lease costs a minute of one job's draw."""
    with database.write() as connection:
        add(connection)
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        recovery.recover(connection, NOON + timedelta(seconds=recovery.GRANT_S - 1))
        assert jobs.get(connection, "7").state is JobState.GRANTED
        recovery.recover(connection, NOON + timedelta(seconds=recovery.GRANT_S + 1))
        assert jobs.get(connection, "7").state is JobState.WAITING


def test_a_cancelled_job_of_a_dead_worker_is_cancelled(database: Database) -> None:
    """Nobody waits for a dead worker to stop what is dead already."""
    with database.write() as connection:
        add(connection)
        jobs.move(connection, "7", JobState.GRANTED, now=NOON)
        leases.take(connection, "7", "one", now=NOON, lease_s=30)
        jobs.move(connection, "7", JobState.CANCELLING, now=NOON)
        recovery.recover(connection, NOON + timedelta(minutes=1))
        assert jobs.get(connection, "7").state is JobState.CANCELLED


def test_removing_a_job_takes_its_steps_and_events_along(database: Database) -> None:
    """Nothing of a deleted job is left behind but what was learned from it."""
    with database.write() as connection:
        add(connection)
        steps.begin(connection, "7", 1, "features", token=1, node="n", draw_w=1, now=NOON)
        jobs.remove(connection, "7")
        assert steps.of_job(connection, "7") == []
        assert jobs.history(connection, "7") == []


@pytest.mark.parametrize("power_w", [float("nan"), float("inf"), -3.0, 0.0, 4200.0])
def test_a_reading_comes_back_as_it_was(database: Database, power_w: float) -> None:
    """Nonsense stays nonsense on its way through the database, so that the policy can refuse it."""
    with database.write() as connection:
        reading = Reading(power_w, NOON, modelled=True)
        site.note_reading(connection, now=NOON, source="s", reading=reading, trusted_w=0.0, outlook=[(LATER, 5.0)])
    with database.read() as connection:
        signals = site.signals(connection, NOON)
    assert signals.production is not None
    kept = signals.production.power_w
    assert kept == power_w or (kept != kept and not 0 <= power_w < 1e9)
    assert signals.outlook == ((LATER, 5.0),)


def test_only_the_newest_reading_carries_the_outlook(database: Database) -> None:
    """A day's outlook with every sample would fill the disk."""
    with database.write() as connection:
        for _ in range(3):
            reading = Reading(1.0, NOON)
            site.note_reading(connection, now=NOON, source="s", reading=reading, trusted_w=1.0, outlook=[(LATER, 5.0)])
        sizes = [len(row) for row in connection.execute(text("SELECT outlook FROM readings ORDER BY id")).scalars()]
    assert sizes[0] == sizes[1] == len("[]") < sizes[2]


def test_production_starts_with_the_sample_that_holds(database: Database) -> None:
    """The watt-hours of a use begin with the last sample before it."""
    with database.write() as connection:
        for minute, watts in ((0, 10.0), (5, 20.0), (10, 30.0)):
            now = NOON + timedelta(minutes=minute)
            site.note_reading(connection, now=now, source="s", reading=Reading(watts, now), trusted_w=watts)
        found = site.production(connection, NOON + timedelta(minutes=6), NOON + timedelta(minutes=8))
    assert found == [(NOON + timedelta(minutes=5), 20.0)]


def test_a_worker_that_is_not_seen_offers_no_slots(database: Database) -> None:
    """A fleet is made of workers that are there."""
    with database.write() as connection:
        site.see_worker(connection, "one", slots=2, node="n", now=NOON)
        site.see_worker(connection, "two", slots=3, node="n", now=NOON - timedelta(minutes=1))
        assert site.slots(connection, NOON) == 2
        site.lose_worker(connection, "one")
        assert site.slots(connection, NOON) == 0


def test_a_full_disk_is_said_to_be_full(small_disk: Path) -> None:
    """A database without room says so, and what was there stays readable."""
    database = Database(f"sqlite:///{small_disk / 'naomesh.db'}")
    database.migrate()
    with database.write() as connection:
        add(connection)
    (small_disk / "filler").write_bytes(b"x" * (small_disk_free(small_disk) - 8192))
    with pytest.raises(StorageError) as refusal, database.write() as connection:
        for number in range(3000):
            jobs.record(connection, "7", "note", "x" * 1000 + str(number), NOON)
    assert refusal.value.code == "database-full"
    with database.read() as connection:
        assert jobs.get(connection, "7").photos_given == 14
    database.close()


def small_disk_free(folder: Path) -> int:
    """Bytes free on the file system of a folder."""
    found = os.statvfs(folder)
    assert stat.S_ISDIR(folder.stat().st_mode)
    return found.f_bavail * found.f_frsize
