"""Looking at the photographs of a folder: which can be used, and why the others cannot."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from naomesh.engines.photos.exif import read_exif
from naomesh.engines.photos.jpeg import has_damaged_scan
from naomesh.engines.photos.report import LeftOut, Photo, Survey
from naomesh.errors import PhotosError

LIMIT_MEGAPIXELS = 100
"""Larger pictures are not decoded: a few kilobytes can claim to be a picture that fills the memory."""
FEWEST = 2

_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".webp", ".bmp"))
_RAW = "a raw file; develop it to JPEG or TIFF first"
_FOREIGN = dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef"), _RAW) | {
    suffix: f"{suffix[1:].upper()} files are not read; convert it to JPEG first" for suffix in (".heic", ".heif")
}
"""Photographs that we say no to by name: Pillow reads none of them, or only their thumbnail."""
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000")
"""What is opened at all; not those that start a program or hold drawings."""
_TOO_LARGE = "photos-too-large"
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
"""What Pillow raises on damaged files, beside its own errors."""
_LARGE_MEGAPIXELS = 24.0
_LARGE = threading.Lock()
"""Large pictures are decoded one at a time, so that memory stays bounded."""
_ABOUT_TWO_THIRDS = "Take at least 20 that go around the thing, each sharing about two thirds with its neighbours."

OnPhoto = Callable[[int, int], None]
"""Called with (photos looked at, photos in all), from any thread."""
Name = Callable[[Path], str]


class UnusableError(Exception):
    """A picture cannot be used; the message is the reason, for people."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


def survey(folder: Path, *, threads: int | None = None, on_photo: OnPhoto | None = None) -> Survey:
    """Look at each photograph in `folder` (not in folders below it; hidden files do not count).

    :raises PhotosError: there is no folder (`photos-no-folder`), it holds no photographs (`photos-none`), only one
        (`photos-one`), none that can be read (`photos-unreadable`), or those there are are too large
        (`photos-too-large`).
    """
    found = look_over(folder, _plain_name, threads=threads, on_photo=on_photo)
    require_enough(found)
    return found


def look_over(folder: Path, name: Name, *, threads: int | None = None, on_photo: OnPhoto | None = None) -> Survey:
    """The same without asking for enough of them; `name` says what the owner called a file."""
    paths = sorted(_candidates(folder), key=name)
    twins = _twins(paths, name)
    done: list[Path] = []

    def look(path: Path) -> Photo | LeftOut:
        try:
            if path in twins:
                raise UnusableError(f"the same picture as {twins[path]}")
            return _look_at(path, name(path))
        except UnusableError as unusable:
            return LeftOut(name(path), str(unusable), path, unusable.code)
        finally:
            done.append(path)
            if on_photo is not None:
                on_photo(len(done), len(paths))

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        found = list(pool.map(look, paths))
    usable = tuple(photo for photo in found if isinstance(photo, Photo))
    return Survey(folder, usable, tuple(photo for photo in found if isinstance(photo, LeftOut)))


def require_enough(found: Survey) -> None:
    """Say no to fewer than two photographs that can be used.

    :raises PhotosError: see `survey`.
    """
    if len(found.usable) >= FEWEST:
        return
    where = f"in {found.folder}"
    if not found.given:
        raise PhotosError(
            f"there are no photographs {where}.",
            mend="Give the folder that holds them: JPEG, PNG, TIFF, WebP or BMP files.",
            code="photos-none",
        )
    if found.given == len(found.usable):
        raise PhotosError(f"there is only one photograph {where}.", mend=_ABOUT_TWO_THIRDS, code="photos-one")
    large = [photo for photo in found.left_out if photo.code == _TOO_LARGE]
    first = (large or found.left_out)[0]
    count = "none" if not found.usable else "only one"
    code = _TOO_LARGE if large else ("photos-one" if found.usable else "photos-unreadable")
    raise PhotosError(
        f"{count} of the {found.given} photographs {where} can be used: {first.name}: {first.reason}.",
        mend="Scale them down." if large else _ABOUT_TWO_THIRDS if found.usable else "Copy them again from the camera.",
        code=code,
    )


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture in the file, of which only the header was read.

    :raises UnusableError: the file holds no picture, a damaged one, or one above the limit; so does decoding it inside.
    """
    Image.MAX_IMAGE_PIXELS = None  # as above, for callers that did not survey
    try:
        with Image.open(path, formats=_FORMATS) as image:
            megapixels = image.width * image.height / 1e6
            if megapixels > LIMIT_MEGAPIXELS:
                raise UnusableError(
                    f"too large: {megapixels:.0f} megapixels, the limit is {LIMIT_MEGAPIXELS}", _TOO_LARGE
                )
            yield image
    except UnidentifiedImageError:
        raise UnusableError("not a picture that can be read, whatever its name says") from None
    except _BROKEN as error:
        raise UnusableError(_words(error)) from None


def turn(megapixels: float) -> AbstractContextManager[object]:
    """What to hold while a picture of that size is decoded whole."""
    return _LARGE if megapixels > _LARGE_MEGAPIXELS else nullcontext()


def _candidates(folder: Path) -> list[Path]:
    mend = "Give the folder that holds the photographs."
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, with words of ours
    try:
        if folder.exists() and not folder.is_dir():
            raise PhotosError(f"{folder} is a file, not a folder.", mend=mend, code="photos-no-folder")
        return [path for path in folder.iterdir() if _may_be_photo(path)]
    except FileNotFoundError:
        raise PhotosError(f"there is no folder {folder}.", mend=mend, code="photos-no-folder") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise PhotosError(
            f"the folder {folder} cannot be read: {reason}.", mend=mend, code="photos-no-folder"
        ) from None


def _may_be_photo(path: Path) -> bool:
    """Whether the name says so; other files count when Pillow knows what they are."""
    if path.name.startswith(".") or path.is_dir():
        return False
    if path.suffix.lower() in _SUFFIXES or path.suffix.lower() in _FOREIGN:
        return True
    try:
        with Image.open(path, formats=_FORMATS):
            return True
    except _BROKEN:
        return False


def _twins(paths: list[Path], name: Name) -> dict[Path, str]:
    """Files that hold the same bytes as an earlier one, and that one's name. Only files of one size are read."""
    sizes = {path: _size(path) for path in paths}
    shared = Counter(sizes.values())
    first: dict[str, Path] = {}
    twins: dict[Path, str] = {}
    for path in paths:
        if sizes[path] > 0 and shared[sizes[path]] > 1 and (digest := _digest(path)):
            original = first.setdefault(digest, path)
            if original != path:
                twins[path] = name(original)
    return twins


def _look_at(path: Path, name: str) -> Photo:
    """:raises UnusableError: it cannot be used."""
    if not _is_text(name):
        raise UnusableError("its name is not valid UTF-8; rename it")
    if path.suffix.lower() in _FOREIGN:
        raise UnusableError(_FOREIGN[path.suffix.lower()])
    size = _size(path)
    if size <= 0:
        raise UnusableError("an empty file" if size == 0 else "cannot be read")
    with opened(path) as image:
        exif = read_exif(image)
        width, height, kind, mode = image.width, image.height, image.format, image.mode
        if kind in ("JPEG", "MPO"):
            image.draft(mode, (max(1, width // 8), max(1, height // 8)))
            if has_damaged_scan(path):
                raise UnusableError("damaged")
            image.load()
        else:
            with turn(width * height / 1e6):
                image.load()
    if exif.orientation > 4:
        width, height = height, width
    plain = kind in ("JPEG", "MPO") and mode == "RGB" and exif.orientation == 1
    return Photo(name, path, width, height, exif.focal_px(max(width, height)), exif.camera, exif.orientation, plain)


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        return "cannot be read: permission denied"
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read: {error.strerror}"
    said = str(error).lower()
    return "cut short: its end is missing" if "truncated" in said or isinstance(error, EOFError) else "damaged"


def _size(path: Path) -> int:
    """Bytes of a regular file, -1 for what is none or cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "blake2b").hexdigest()
    except OSError:
        return ""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain_name(path: Path) -> str:
    return path.name
