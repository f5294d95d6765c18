"""The desk: what is taken is whole, what is refused leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from live_support import make_photos

from naomesh.bootstrap import Onion, utc_now
from naomesh.engines.photos.survey import survey
from naomesh.errors import JobError, NaomeshError, StorageError
from naomesh.jobs.job import uploads_prefix
from naomesh.jobs.request import Politic, Quality
from naomesh.jobs.states import JobState
from naomesh.scheduler import desk
from naomesh.storage import jobs


@pytest.fixture
def onion(tmp_path: Path) -> Iterator[Onion]:
    """An Onion that is not running."""
    made = Onion.at(tmp_path / "home")
    made.open()
    yield made
    made.database.close()


def submit(onion: Onion, photos: Path, job_id: str = "7", quality: Quality = Quality.BAD) -> None:
    """Ask for a job."""
    desk.submit(onion, survey(photos), Politic(quality), utc_now() + timedelta(days=1), job_id=job_id)


def uploads(onion: Onion, job_id: str = "7") -> list[str]:
    """The photographs that are stored."""
    prefix = uploads_prefix(job_id)
    return [key.removeprefix(prefix) for key, _size in onion.store.list(prefix)]


def test_a_job_is_its_photographs_and_its_row(onion: Onion, tmp_path: Path) -> None:
    """Every photograph is stored, bad ones too, since the receipt names them."""
    photos = make_photos(tmp_path / "photos")
    (photos / "bad.jpg").write_bytes(b"no picture")
    submit(onion, photos)
    assert uploads(onion) == ["bad.jpg", "photo 0.jpg", "photo 1.jpg", "photo 2.jpg"]
    with onion.database.read() as connection:
        job = jobs.get(connection, "7")
    assert (job.state, job.photos_given, job.engine) == (JobState.WAITING, 4, "pocket")
    assert job.expected_s > 0


@pytest.mark.parametrize("job_id", ["a/b", "..", "../up", "-x", "x" * 200])
def test_an_id_that_climbs_is_refused(onion: Onion, tmp_path: Path, job_id: str) -> None:
    """No id makes a file outside of its folder."""
    with pytest.raises(NaomeshError) as refusal:
        submit(onion, make_photos(tmp_path / "photos"), job_id)
    assert refusal.value.code == "bad-job-id"
    assert onion.store.list("") == []


def test_a_deadline_that_has_passed_is_refused(onion: Onion, tmp_path: Path) -> None:
    """Nobody can compute yesterday's model."""
    photos = survey(make_photos(tmp_path / "photos"))
    with pytest.raises(NaomeshError) as refusal:
        desk.submit(onion, photos, Politic(), utc_now() - timedelta(seconds=1), job_id="7")
    assert refusal.value.code == "deadline-passed"
    assert onion.store.list("") == []


def test_a_known_id_with_another_request_is_refused_and_keeps_its_job(onion: Onion, tmp_path: Path) -> None:
    """Two different jobs never share an id, and the first keeps its photographs."""
    submit(onion, make_photos(tmp_path / "photos"))
    with pytest.raises(JobError) as refusal:
        submit(onion, make_photos(tmp_path / "others", 5), quality=Quality.GOOD)
    assert refusal.value.code == "job-exists"
    assert len(uploads(onion)) == 3


def test_an_upload_that_breaks_off_leaves_nothing(onion: Onion, tmp_path: Path) -> None:
    """When one photograph cannot be stored, none is, and there is no job."""
    found = survey(make_photos(tmp_path / "photos"))
    (tmp_path / "photos" / "photo 2.jpg").unlink()
    with pytest.raises((StorageError, OSError)):
        desk.submit(onion, found, Politic(), utc_now() + timedelta(days=1), job_id="7")
    assert uploads(onion) == []
    with onion.database.read() as connection:
        assert jobs.find(connection, "7") is None


NAMES = ["ж" * 120 + ".jpg", "100 %.jpg", "a\nb.jpg", 'it\'s "so".jpg', os.fsdecode(b"\xff.jpg")]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_is_taken(onion: Onion, tmp_path: Path, name: str) -> None:
    """What a file system calls a file, the store can keep."""
    photos = make_photos(tmp_path / "photos")
    (photos / "photo 0.jpg").rename(photos / name)
    submit(onion, photos)
    assert len(uploads(onion)) == 3


@pytest.mark.parametrize("ask", [desk.cancel, desk.retry, desk.delete])
def test_a_job_that_is_not_there_is_said_to_be_none(onion: Onion, ask: object) -> None:
    """An id with a slip in it is one clear line."""
    assert callable(ask)
    with pytest.raises(JobError) as refusal:
        ask(onion, "nobody")
    assert refusal.value.code == "no-job"


def test_what_lives_is_not_deleted_and_what_did_not_fail_is_not_retried(onion: Onion, tmp_path: Path) -> None:
    """The order of a life is kept: cancel, then delete."""
    submit(onion, make_photos(tmp_path / "photos"))
    for ask in (desk.retry, desk.delete):
        with pytest.raises(JobError) as refusal:
            ask(onion, "7")
        assert refusal.value.code == "job-alive"
    with pytest.raises(JobError) as refusal:
        desk.fetch(onion, "7", tmp_path / "out")
    assert refusal.value.code == "no-results"
    desk.cancel(onion, "7")
    desk.delete(onion, "7")
