"""The object store in a folder: a key is a path below it, so that people find their files with any file manager.

    <root>/job7/uploads/a photo.jpg      the object `job7/uploads/a photo.jpg`
    <root>/.parts/                       objects on their way in; a new start removes what a killed process left

Letters of all scripts, spaces and quotes stay as they are; percent signs, control characters, leading dots and bytes
that are not UTF-8 are percent-encoded.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from naomesh.errors import ResourceError, StorageError
from naomesh.storage.objects import ObjectStore

PARTS = ".parts"
MAX_SEGMENT_BYTES = 255
"""What Linux file systems allow for one name."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ENCODED = re.compile(r"^\.|[%\x00-\x1f\x7f\ud800-\udfff]")


class FolderStore(ObjectStore):
    """Objects below `root`, which is made when it is not there.

    An object appears under its key in one rename, after its bytes have reached the disk. Several processes may use one
    folder at the same time. As in any folder, a key cannot go on where another one ends (`a` and `a/b`: `key-taken`).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._parts = root / PARTS
        with _refusals(f"the object store {root}"):
            self._parts.mkdir(parents=True, exist_ok=True)
            _sweep(self._parts)

    def put(self, source: Path, key: str) -> None:
        """Store a file under `key`; an object that was there is replaced.

        :raises StorageError: `bad-key`, `key-taken`, `no-file` (no such source), `store-refused`.
        :raises ResourceError: `disk-full`.
        """
        target = self._path(key)
        with _refusals(f"storing {key!r} in {self.root}"):
            _copy(
                source,
                self._parts / _part_name(key),
                target,
                missing=StorageError(f"There is no file {source} to store.", code="no-file"),
            )

    def get(self, key: str, target: Path) -> None:
        """Write the object to `target`; the folder that it goes to is made.

        :raises StorageError: `bad-key`, `no-object`, `store-refused`.
        :raises ResourceError: `disk-full`.
        """
        source = self._path(key)
        with _refusals(f"writing {key!r} to {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(
                source,
                target.parent / f".{_part_name(target.name)}.part",
                target,
                missing=StorageError(f"There is no object {key!r} in {self.root}.", code="no-object"),
            )

    def list(self, prefix: str) -> list[tuple[str, int]]:
        """(key, bytes) of the objects whose key starts with `prefix` (any prefix: `job7` finds `job71/...` too)."""
        with _refusals(f"listing {prefix!r} in {self.root}"):
            return sorted((key, size) for key, path in self._walk(prefix) if (size := _size(path)) is not None)

    def delete(self, prefix: str) -> None:
        """Remove the objects whose key starts with `prefix`, and the folders that this leaves empty."""
        with _refusals(f"deleting {prefix!r} from {self.root}"):
            for _, path in list(self._walk(prefix)):
                path.unlink(missing_ok=True)
                self._prune(path.parent)

    def _path(self, key: str) -> Path:
        if not key or key.startswith("/") or key.endswith("/"):
            raise _bad_key(key, "it is empty, or begins or ends with a slash")
        return self.root.joinpath(*(_encode(key, segment) for segment in key.split("/")))

    def _walk(self, prefix: str) -> Iterator[tuple[str, Path]]:
        """(key, path) of the objects whose key starts with `prefix`."""
        folder, slash, _ = prefix.rpartition("/")
        for parent, folders, names in os.walk(self._path(folder) if slash else self.root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for path in (Path(parent, name) for name in names if not name.startswith(".")):
                key = "/".join(_decode(part) for part in path.relative_to(self.root).parts)
                if key.startswith(prefix):
                    yield key, path

    def _prune(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:
                return  # something else lies there, or somebody else removed it
            folder = folder.parent


def _bad_key(key: str, why: str) -> StorageError:
    return StorageError(f"The key {_short(key)!r} cannot be used: {why}.", code="bad-key")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:60]}…{text[-15:]}"


def _encode(key: str, segment: str) -> str:
    if segment in ("", ".", ".."):
        raise _bad_key(key, "it has an empty part or climbs out with dots")
    try:
        encoded = _ENCODED.sub(lambda match: "".join(f"%{byte:02X}" for byte in os.fsencode(match[0])), segment)
    except UnicodeEncodeError:
        raise _bad_key(key, "it is not text that a file name can hold") from None
    if len(encoded.encode()) > MAX_SEGMENT_BYTES:
        raise _bad_key(key, f"one of its parts is longer than {MAX_SEGMENT_BYTES} bytes; shorten that name")
    return encoded


def _decode(name: str) -> str:
    return unquote(name, errors="surrogateescape")


def _part_name(key: str) -> str:
    return hashlib.blake2b(os.fsencode(key), digest_size=16).hexdigest()


def _copy(source: Path, part: Path, target: Path, missing: StorageError) -> None:
    """Copy by way of `part`, which must be on the file system of `target`. The lock keeps two copies to one name apart,
    and a sweep from taking a part that still grows."""
    try:
        stream = source.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise missing from None
    with stream, _locked(part) as written:
        try:
            shutil.copyfileobj(stream, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
            _rename(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    while True:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb") as written:
            fcntl.flock(written, fcntl.LOCK_EX)
            if _same_file(written.fileno(), part):  # nobody renamed or swept it before we had the lock
                written.truncate()
                yield written
                return


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was deleted beside us
        return None


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _rename(part: Path, target: Path) -> None:
    for last in (False, False, True):  # a delete beside us may remove the folder that we have just made
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.replace(target)
            return
        except FileNotFoundError:
            if last:
                raise


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # it was deleted at once
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep(parts: Path) -> None:
    """Remove what killed processes left; a part that is still being written is locked and stays."""
    for part in parts.iterdir():
        with contextlib.suppress(FileNotFoundError, BlockingIOError), part.open("rb") as stale:
            fcntl.flock(stale, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same_file(stale.fileno(), part):
                part.unlink()


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Turn what the operating system says into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ResourceError(
                f"The disk is full while {what}.", mend="Free some space and retry.", code="disk-full"
            ) from error
        if error.errno == errno.ENAMETOOLONG:
            raise StorageError(
                f"The path is too long while {what}.", mend="Shorten the name.", code="bad-key"
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY):
            raise StorageError(
                f"An object stands in the way while {what}.", mend="Choose another key.", code="key-taken"
            ) from error
        raise StorageError(
            f"The system refused {what}: {error.strerror or error}.",
            mend="Check the folder's owner and permissions.",
            code="store-refused",
        ) from error
