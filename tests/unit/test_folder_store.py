"""What is special about the object store in a folder: whole files only, and a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from naomesh.errors import ResourceError, StorageError
from naomesh.storage.folder import FolderStore

PUT = """
import sys
from pathlib import Path
from naomesh.storage.folder import FolderStore
FolderStore(Path(sys.argv[1])).put(Path(sys.argv[2]), "k")
"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file to store."""
    path = tmp_path / "photo"
    path.write_bytes(b"p" * 1000)
    return path


def files_below(folder: Path) -> list[str]:
    """All files, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_people_find_their_files(tmp_path, photo):
    """A key is the path of its file: spaces, quotes and letters of any script stay readable."""
    FolderStore(tmp_path / "s").put(photo, "job1/uploads/l'été 夏.jpg")
    assert files_below(tmp_path / "s") == ["job1/uploads/l'été 夏.jpg"]


def test_escapes_do_not_meet(tmp_path, photo):
    """A name that looks like an escape and the name that it would stand for are two objects."""
    store = FolderStore(tmp_path / "s")
    for key in ("a%0Ab", "a\nb", "%2Ea", ".a"):
        store.put(photo, key)
    assert [key for key, _ in store.list("")] == sorted(["a%0Ab", "a\nb", "%2Ea", ".a"])


@contextmanager
def half_a_put(root: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has stored 70,000 bytes of an object and waits for the rest, which comes when the block ends."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen([sys.executable, "-c", PUT, str(root), str(pipe)])
    with pipe.open("wb") as stream:
        stream.write(b"x" * 70_000)
        stream.flush()
        deadline = time.monotonic() + 30
        while not files_below(root):
            assert time.monotonic() < deadline
        yield writer


def test_half_files_of_a_killed_writer_go(tmp_path):
    """After kill -9 in the middle of a put, the next start finds no half object and removes the half file."""
    with suppress(BrokenPipeError), half_a_put(tmp_path / "s", tmp_path) as writer:
        writer.kill()
        writer.wait()
        assert len(files_below(tmp_path / "s")) == 1
        store = FolderStore(tmp_path / "s")
        assert files_below(tmp_path / "s") == []
        assert store.list("") == []


def test_a_start_leaves_running_writers_alone(tmp_path):
    """A second process that opens the folder does not sweep away what another is just storing."""
    with half_a_put(tmp_path / "s", tmp_path) as writer:
        store = FolderStore(tmp_path / "s")
        assert len(files_below(tmp_path / "s")) == 1
        assert store.list("") == []
    assert writer.wait(30) == 0
    assert store.list("") == [("k", 70_000)]


def test_a_full_disk(small_disk, tmp_path):
    """A disk that fills says `disk-full` on the way in and out, leaves no half file, keeps what was there."""
    store = FolderStore(small_disk / "s")
    old, big = tmp_path / "old", tmp_path / "big"
    old.write_bytes(b"old")
    big.write_bytes(b"x" * 8_000_000)
    store.put(old, "k")
    with pytest.raises(ResourceError) as refusal:
        store.put(big, "k")
    assert refusal.value.code == "disk-full"
    assert files_below(small_disk) == ["s/k"]
    assert (small_disk / "s/k").read_bytes() == b"old"

    roomy = FolderStore(tmp_path / "roomy")
    roomy.put(big, "big")
    with pytest.raises(ResourceError) as refusal:
        roomy.get("big", small_disk / "out" / "big")
    assert refusal.value.code == "disk-full"
    assert files_below(small_disk) == ["s/k"]


def test_a_key_below_an_object(tmp_path, photo):
    """A key that goes on where another one ends is refused in words, and the other one stays."""
    store = FolderStore(tmp_path / "s")
    store.put(photo, "a/b")
    for key in ("a/b/c", "a"):
        with pytest.raises(StorageError) as refusal:
            store.put(photo, key)
        assert refusal.value.code == "key-taken"
    assert files_below(tmp_path / "s") == ["a/b"]


def test_a_path_too_long(tmp_path, photo):
    """A key of many legal parts that is longer than any path may be is a bad key."""
    with pytest.raises(StorageError) as refusal:
        FolderStore(tmp_path / "s").put(photo, "/".join(["n" * 200] * 30))
    assert refusal.value.code == "bad-key"


def test_a_root_that_is_a_file(tmp_path, photo):
    """A store cannot be opened where a file lies, and says so in one line."""
    with pytest.raises(StorageError) as refusal:
        FolderStore(photo)
    assert str(photo) in refusal.value.line()


def test_an_emptied_store_is_empty(tmp_path, photo):
    """Deleting leaves no empty folders behind."""
    store = FolderStore(tmp_path / "s")
    store.put(photo, "a/b/c/d")
    store.delete("a/b/")
    assert [path.name for path in (tmp_path / "s").iterdir()] == [".parts"]


def test_foreign_hidden_files_are_not_objects(tmp_path, photo):
    """What a file manager drops into the folder (`.DS_Store`) is not listed."""
    store = FolderStore(tmp_path / "s")
    store.put(photo, "a/b")
    (tmp_path / "s/a/.DS_Store").write_bytes(b"x")
    assert store.list("") == [("a/b", 1000)]
