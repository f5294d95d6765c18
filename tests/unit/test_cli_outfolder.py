"""The folder of one run: whose job lives there, and that a refusal leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from naomesh.cli.embedded import _require_apart
from naomesh.cli.intake import fingerprint
from naomesh.cli.outfolder import OutFolder, RunRecord
from naomesh.errors import StorageError, UsageError

RECORD = RunRecord("j1", "f00", "green", "bad", "24h", "pocket", "2026-07-02T12:00:00+00:00")


def test_a_folder_that_is_not_there_holds_no_job(tmp_path):
    """Looking at a folder does not make it."""
    folder = OutFolder(tmp_path / "out")
    assert folder.record() is None
    assert not folder.out.exists()


def test_what_was_written_is_read_back(tmp_path):
    """The record of a run survives."""
    folder = OutFolder(tmp_path / "out")
    folder.make()
    folder.write(RECORD)
    assert OutFolder(tmp_path / "out").record() == RECORD
    assert RECORD.deadline_time.isoformat() == RECORD.until


def test_the_same_command_is_the_same_job(tmp_path):
    """Another id and another moment of the deadline do not make another job."""
    again = replace(RECORD, job_id="j2", until="2026-07-03T12:00:00+00:00")
    OutFolder(tmp_path).require_same(RECORD, again)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"photos": "f11"}, "other photos"),
        ({"quality": "good"}, "quality bad, not good"),
        ({"energy": "bypass"}, "energy green, not bypass"),
        ({"deadline": "2d"}, "deadline 24h, not 2d"),
        ({"engine": "openmvg_openmvs"}, "engine pocket, not openmvg_openmvs"),
    ],
)
def test_another_job_is_refused(tmp_path, change, words):
    """A folder never mixes two jobs, and the refusal says in what they differ."""
    with pytest.raises(UsageError, match=words) as refused:
        OutFolder(tmp_path).require_same(RECORD, replace(RECORD, **change))
    assert refused.value.code == "out-in-use"


def test_a_model_of_somebody_else_is_not_overwritten(tmp_path):
    """A folder with results that no run made is refused."""
    (tmp_path / "model.glb").write_bytes(b"precious")
    with pytest.raises(UsageError) as refused:
        OutFolder(tmp_path).record()
    assert refused.value.code == "out-in-use"


def test_a_damaged_record_is_refused(tmp_path):
    """A record that cannot be read stops the run, instead of starting over what may be there."""
    (tmp_path / ".naomesh").mkdir()
    (tmp_path / ".naomesh/run.json").write_text("{")
    with pytest.raises(UsageError) as refused:
        OutFolder(tmp_path).record()
    assert refused.value.code == "out-in-use"


def test_a_file_is_no_folder(tmp_path):
    """OUT may not be a file."""
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError) as refused:
        OutFolder(tmp_path / "out").record()
    assert refused.value.code == "out-no-folder"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """Where no folder can be made, the error says where."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as refused:
        OutFolder(tmp_path / "file/out").make()
    assert refused.value.code == "out-unwritable"


def test_nothing_is_left_behind(tmp_path):
    """What was made for a run that was refused goes again, every folder of it."""
    folder = OutFolder(tmp_path / "a/b/out")
    folder.make()
    folder.write(RECORD)
    folder.forget()
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays(tmp_path):
    """Only what the run made goes: an older folder and a file of the user's stay."""
    (tmp_path / "out").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    folder = OutFolder(tmp_path / "out")
    folder.make()
    folder.forget()
    other = OutFolder(tmp_path)
    other.make()
    other.forget()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "out"]


def test_a_finished_demo_is_cleared_but_nothing_else(tmp_path):
    """Clearing takes the state and the named results only."""
    folder = OutFolder(tmp_path)
    folder.make()
    for name in ("model.glb", "notes.txt"):
        (tmp_path / name).write_text("x")
    folder.clear(["model.glb", "preview.png"])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_results_do_not_go_among_the_photos(tmp_path):
    """The folder of the photos cannot be that of the results, under whichever name."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    with pytest.raises(UsageError):
        _require_apart(tmp_path / "photos", tmp_path / "link")


def photos(folder, contents):
    """Files with these contents by name."""
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return list(folder.iterdir())


BIG = bytes(200_000)


def test_copied_photos_are_the_same_photos(tmp_path):
    """The fingerprint is that of names and contents, not of folders and times."""
    first = photos(tmp_path / "a", {"1.jpg": b"one", "2.jpg": BIG})
    second = photos(tmp_path / "b", {"2.jpg": BIG, "1.jpg": b"one"})
    assert fingerprint(first) == fingerprint(second)


@pytest.mark.parametrize(
    "other",
    [
        {"1.jpg": b"one"},
        {"1.jpg": b"one", "2.jpg": BIG, "3.jpg": b"three"},
        {"1.jpg": b"two", "2.jpg": BIG},
        {"1.jpeg": b"one", "2.jpg": BIG},
        {"1.jpg": b"one", "2.jpg": BIG[:-1]},
        {"1.jpg": b"one", "2.jpg": BIG[:-1] + b"x"},
        {"1.jpg": b"one", "2.jpg": b"x" + BIG[1:]},
    ],
)
def test_other_photos_have_another_fingerprint(tmp_path, other):
    """One more, one less, another name, another size, another beginning or end: other photos."""
    first = photos(tmp_path / "a", {"1.jpg": b"one", "2.jpg": BIG})
    assert fingerprint(first) != fingerprint(photos(tmp_path / "b", other))
