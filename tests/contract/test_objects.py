"""What every object store keeps to. A new store joins `STORES` and has to pass the same cases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naomesh.errors import StorageError
from naomesh.storage.folder import FolderStore
from naomesh.storage.objects import ObjectStore

STORES: dict[str, Callable[[Path], ObjectStore]] = {"folder": FolderStore}

ODD_NAMES = (
    "a photo.jpg",
    'it\'s "quoted".jpg',
    "two\nlines\tand a tab.jpg",
    "平成の写真.jpg",
    "фото №5.jpg",
    "é combined and e\u0301 apart.jpg",
    "100%41.jpg",
    ".hidden.jpg",
    "..leading.dots.jpg",
    "back\\slash?*[x]#&.jpg",
    "not utf-8 \udcff\udc80.jpg",
    " space at both ends ",
    "写" * 85,
)
BAD_KEYS = ("", "/", "/etc/passwd", "..", "../x", "a/../x", "a/..", "a//b", "a/", "./a", "a/./b", "x" * 256, "写" * 86)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    return STORES[request.param](tmp_path / "store")


@pytest.fixture
def put(store: ObjectStore, tmp_path: Path) -> Callable[[str, bytes], None]:
    """Store bytes under a key."""

    def put(key: str, content: bytes) -> None:
        source = tmp_path / "source"
        source.write_bytes(content)
        store.put(source, key)

    return put


def content(store: ObjectStore, key: str, folder: Path) -> bytes:
    """The bytes of an object."""
    target = folder / "fetched"
    store.get(key, target)
    return target.read_bytes()


class TestObjectStore:
    """Keys, bytes, lists and deletions."""

    def test_round_trip(self, store, put, tmp_path):
        """What was put comes back byte for byte, also nothing at all, and from keys many folders deep."""
        for key, blob in (("a", b"1"), ("x/y/z/empty", b""), ("x/y/big", bytes(range(256)) * 20_000)):
            put(key, blob)
            assert content(store, key, tmp_path) == blob

    def test_a_second_put_replaces(self, store, put, tmp_path):
        """The same key again holds the new bytes only."""
        put("a/b", b"long old content")
        put("a/b", b"new")
        assert content(store, "a/b", tmp_path) == b"new"
        assert store.list("") == [("a/b", 3)]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_any_file_name(self, store, put, tmp_path, name):
        """Any name that a photograph can have is a key, and is listed as it was given."""
        put(f"job1/uploads/{name}", b"photo")
        assert store.list("job1/uploads/") == [(f"job1/uploads/{name}", 5)]
        assert content(store, f"job1/uploads/{name}", tmp_path) == b"photo"

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        parts=st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), min_size=1, max_size=4
        )
    )
    def test_keys_survive(self, store, put, tmp_path, parts):
        """Every key without empty and dotted parts is listed exactly as it was given, and finds its own bytes."""
        key = "/".join(parts)
        refused = any(part in (".", "..", "") for part in key.split("/"))
        if refused:
            with pytest.raises(StorageError):
                put(key, b"x")
            return
        put(key, key.encode())
        assert store.list(key) == [(key, len(key.encode()))]
        assert content(store, key, tmp_path) == key.encode()
        store.delete("")

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_bad_keys(self, store, put, tmp_path, key):
        """No key climbs out, is absolute, has an empty part or a part that no file system holds."""
        for use in (lambda: put(key, b"x"), lambda: store.get(key, tmp_path / "fetched")):
            with pytest.raises(StorageError) as refusal:
                use()
            assert refusal.value.code == "bad-key"
            assert "\n" not in refusal.value.line()
        assert {path.name for path in tmp_path.iterdir()} == {"store", "source"}

    @pytest.mark.parametrize("prefix", ["../", "/", "a/../../", "a//"])
    def test_bad_prefixes(self, store, put, prefix):
        """A prefix that climbs out is refused by list and delete alike."""
        put("a/b", b"x")
        for use in (store.list, store.delete):
            with pytest.raises(StorageError) as refusal:
                use(prefix)
            assert refusal.value.code == "bad-key"
        assert store.list("") == [("a/b", 1)]

    def test_missing_object(self, store, tmp_path):
        """To get what is not there is an error, also where it is a folder of others, and writes nothing."""
        (tmp_path / "file").write_bytes(b"x")
        store.put(tmp_path / "file", "folder/object")
        for key in ("nothing", "folder", "folder/object/below"):
            with pytest.raises(StorageError) as refusal:
                store.get(key, tmp_path / "new" / "fetched")
            assert refusal.value.code == "no-object"
            assert not (tmp_path / "new" / "fetched").exists()

    def test_missing_source(self, store, tmp_path):
        """To put a file that is not there is an error and stores nothing."""
        with pytest.raises(StorageError) as refusal:
            store.put(tmp_path / "absent", "a")
        assert refusal.value.code == "no-file"
        assert store.list("") == []

    def test_list(self, store, put):
        """A list holds what starts with the prefix, which need not end at a slash, in order of key, with sizes."""
        for key in ("job1/b", "job1/a", "job10/a", "job2/a", "other"):
            put(key, b"12345")
        assert store.list("job1") == [("job1/a", 5), ("job1/b", 5), ("job10/a", 5)]
        assert store.list("job1/") == [("job1/a", 5), ("job1/b", 5)]
        assert store.list("job3") == store.list("job1/a/b/c/") == []
        assert [key for key, _ in store.list("")] == ["job1/a", "job1/b", "job10/a", "job2/a", "other"]

    def test_delete(self, store, put):
        """Deleting takes what starts with the prefix and nothing else, and may be repeated."""
        for key in ("job1/uploads/a", "job1/results/b", "job10/a"):
            put(key, b"x")
        store.delete("job1/")
        store.delete("job1/")
        store.delete("never/was/")
        assert store.list("") == [("job10/a", 1)]
        put("job1", b"the key of a folder that was deleted is free again")
        assert store.list("job1") == [("job1", 50), ("job10/a", 1)]

    def test_readers_never_see_half(self, store, put, tmp_path):
        """While one key is written again and again, whoever reads it sees one whole version."""
        versions = [bytes([letter]) * 300_000 for letter in b"abc"]
        put("k", versions[0])
        stop = threading.Event()

        def write() -> None:
            source = tmp_path / "writer"
            while not stop.is_set():
                for version in versions:
                    source.write_bytes(version)
                    store.put(source, "k")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = [content(store, "k", tmp_path) for _ in range(40)]
        finally:
            stop.set()
            writer.join()
        assert set(seen) <= set(versions)

    def test_two_writers_of_one_key(self, store, tmp_path):
        """Two that write one key at the same time both succeed, and one of their versions stands."""
        failures: list[BaseException] = []

        def write(letter: str) -> None:
            source = tmp_path / letter
            source.write_text(letter * 100_000)
            try:
                for _ in range(15):
                    store.put(source, "deep/k")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert content(store, "deep/k", tmp_path) in (b"a" * 100_000, b"b" * 100_000)
