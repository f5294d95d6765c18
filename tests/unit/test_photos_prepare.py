"""Every kind of picture becomes an upright 8-bit RGB JPEG."""

from __future__ import annotations

import errno
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from naomesh.engines.messages import error_in, progress_in
from naomesh.engines.photos import PhotoReport, __main__
from naomesh.engines.photos.prepare import prepare
from naomesh.errors import PhotosError

SIZE = (96, 64)


def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth colours (64, 96, 3), different in every corner, so that each way to turn it shows."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    return np.stack([x * 255 // SIZE[0], y * 255 // SIZE[1], 255 - (x + y) * 255 // sum(SIZE)], axis=2).astype(np.uint8)


def grey() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Grey values (64, 96)."""
    return picture()[..., 0] // 2 + picture()[..., 1] // 2


def stored(upright: np.ndarray[Any, Any], orientation: int) -> np.ndarray[Any, Any]:
    """The pixels as a camera stores them, by EXIF 2.3's table: which side of the scene row 0 and column 0 are."""
    row, column = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }[orientation]  # fmt: skip
    turned = upright if row in ("top", "bottom") else upright.swapaxes(0, 1)
    if row in ("bottom", "right"):
        turned = turned[::-1]
    if column in ("bottom", "right"):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def upload(workspace: Path, name: str, image: Image.Image, kind: str, **options: Any) -> None:
    """Put a picture among the uploads."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    put(workspace, name, stream.getvalue())


def put(workspace: Path, name: str, content: bytes) -> None:
    """Put a file among the uploads, as the flow does."""
    (workspace / "uploads").mkdir(exist_ok=True)
    (workspace / "uploads" / quote(name, safe="")).write_bytes(content)


def run(workspace: Path) -> PhotoReport:
    """Prepare, and read what the engine will read."""
    report = prepare(workspace, 2, lambda _done, _total: None)
    stored = PhotoReport.read(workspace / "photos.json")
    assert stored.used == report.used
    assert [left.reason for left in stored.left_out] == [left.reason for left in report.left_out]
    return report


def result(workspace: Path, index: int = 0) -> np.ndarray[Any, Any]:
    """The pixels of a prepared photograph."""
    with Image.open(workspace / "photos" / f"{index:05d}.jpg") as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert image.getexif().get(274, 1) == 1
        return np.asarray(image).astype(int)


def difference(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Mean difference of two pictures of one size."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """One photograph that comes after all others, so that the one that a test adds is photos/00000.jpg."""
    upload(tmp_path, "~last.jpg", Image.fromarray(picture()), "JPEG", quality=95)
    return tmp_path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright(workspace: Path, orientation: int) -> None:
    """However the camera was held, the picture stands upright, and its EXIF no longer says otherwise."""
    exif = Image.Exif()
    exif[274], exif[272] = orientation, "Model"
    exif.get_ifd(0x8769)[41989] = 40
    turned = Image.fromarray(stored(picture(), orientation))
    upload(workspace, "a.jpg", turned, "JPEG", quality=97, exif=exif)
    report = run(workspace)
    assert difference(result(workspace), picture()) < 2
    used = report.used[0]
    assert (used.width, used.height, used.camera) == (*SIZE, "Model")
    with Image.open(workspace / "photos/00000.jpg") as image:
        assert image.getexif()[272] == "Model"
        assert image.getexif().get_ifd(0x8769)[41989] == 40


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_unknown_orientations_are_taken_as_upright(workspace: Path, orientation: int) -> None:
    """An orientation that EXIF does not know turns nothing."""
    exif = Image.Exif()
    exif[274] = orientation
    upload(workspace, "a.png", Image.fromarray(picture()), "PNG", exif=exif)
    run(workspace)
    assert difference(result(workspace), picture()) < 2


def test_upright_rgb_jpeg_is_copied_byte_for_byte(workspace: Path) -> None:
    """What needs no change loses nothing."""
    content = (workspace / "uploads" / "~last.jpg").read_bytes()
    put(workspace, "a.jpg", content + b"\0")
    run(workspace)
    assert (workspace / "photos/00000.jpg").read_bytes() == content + b"\0"


def _palette() -> Image.Image:
    return Image.fromarray(picture()).convert("P", palette=Image.Palette.ADAPTIVE)


def _transparent_palette() -> Image.Image:
    return Image.fromarray(np.zeros((SIZE[1], SIZE[0]), np.uint8), "P")


def _rgba() -> Image.Image:
    alpha = np.full((SIZE[1], SIZE[0], 1), 255, np.uint8)
    alpha[:, SIZE[0] // 2 :] = 0
    return Image.fromarray(np.concatenate([picture(), alpha], axis=2))


def _on_white() -> np.ndarray[Any, Any]:
    expected = picture()
    expected[:, SIZE[0] // 2 :] = 255
    return expected


def _three(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.repeat(values[..., None], 3, axis=2)


KINDS: dict[str, tuple[Image.Image, str, dict[str, Any], np.ndarray[Any, Any], float]] = {
    "grey JPEG": (Image.fromarray(grey()), "JPEG", {"quality": 97}, _three(grey()), 2),
    "grey PNG": (Image.fromarray(grey()), "PNG", {}, _three(grey()), 2),
    "CMYK JPEG": (Image.fromarray(picture()).convert("CMYK"), "JPEG", {"quality": 97}, picture(), 4),
    "CMYK TIFF": (Image.fromarray(picture()).convert("CMYK"), "TIFF", {}, picture(), 2),
    "16-bit PNG": (Image.fromarray(grey().astype(np.uint16) * 257), "PNG", {}, _three(grey()), 2),
    "16-bit TIFF": (Image.fromarray(grey().astype(np.uint16) * 257), "TIFF", {}, _three(grey()), 2),
    "12 of 16 bits": (Image.fromarray(grey().astype(np.uint16) * 16 + 8), "PNG", {}, _three(grey()), 2),
    "32-bit TIFF": (Image.fromarray(grey().astype(np.int32) * (2**23)), "TIFF", {}, _three(grey()), 2),
    "floats 0..1": (Image.fromarray(grey().astype(np.float32) / 255), "TIFF", {}, _three(grey()), 2),
    "transparent": (_rgba(), "PNG", {}, _on_white(), 2),
    "transparent WebP": (_rgba(), "WEBP", {"lossless": True}, _on_white(), 2),
    "grey and alpha": (_rgba().convert("LA"), "PNG", {}, _three(np.asarray(_rgba().convert("L"))), 300),
    "palette": (_palette(), "PNG", {}, picture(), 12),
    "transparent palette": (_transparent_palette(), "PNG", {"transparency": 0}, _three(np.full(grey().shape, 255)), 2),
    "black and white": (Image.fromarray(grey() > 99), "PNG", {}, _three((grey() > 99) * 255), 6),
    "BMP": (Image.fromarray(picture()), "BMP", {}, picture(), 2),
    "WebP": (Image.fromarray(picture()), "WEBP", {"lossless": True}, picture(), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_becomes_eight_bit_rgb(workspace: Path, kind: str) -> None:
    """Grey, CMYK, deep, transparent, palette: the colours are those that a person sees on white paper."""
    image, file_format, options, expected, tolerance = KINDS[kind]
    upload(workspace, f"a.{file_format.lower()}", image, file_format, **options)
    run(workspace)
    assert difference(result(workspace), expected) < tolerance


def test_sixteen_bit_colours_are_scaled(workspace: Path) -> None:
    """A 16-bit RGB picture keeps its colours instead of being clipped."""
    cv2 = pytest.importorskip("cv2")
    deep = picture()[..., ::-1].astype(np.uint16) * 257
    put(workspace, "a.png", cv2.imencode(".png", deep)[1].tobytes())
    put(workspace, "b.tiff", cv2.imencode(".tiff", deep)[1].tobytes())
    run(workspace)
    assert difference(result(workspace, 0), picture()) < 2
    assert difference(result(workspace, 1), picture()) < 2


def test_mixed_sizes_and_cameras_stay_apart(workspace: Path) -> None:
    """Each photograph keeps its own size, camera and focal length."""
    for index, (size, camera, focal) in enumerate([((80, 60), "One", 36), ((40, 90), "Other", 72)]):
        exif = Image.Exif()
        exif[272] = camera
        exif.get_ifd(0x8769)[41989] = focal
        upload(workspace, f"{index}.jpg", Image.fromarray(picture()).resize(size), "JPEG", exif=exif)
    used = run(workspace).used
    assert [(photo.width, photo.height, photo.camera, photo.focal_px) for photo in used] == [
        (80, 60, "One", 80.0),
        (40, 90, "Other", 180.0),
        (*SIZE, "", None),
    ]


def test_names_survive(workspace: Path) -> None:
    """Whatever the names hold, the report tells them as they were, in their order."""
    names = ["a photo.jpg", 'it\'s "one".jpg', "two\nlines.jpg", "a%20b.jpg", "фото.jpg", "写真.jpg", "😀.jpg"]
    for index, name in enumerate(names):
        upload(workspace, name, Image.fromarray(picture() // 2 + index), "JPEG")
    report = run(workspace)
    assert [photo.name for photo in report.used] == sorted([*names, "~last.jpg"])
    assert report.names()["00000.jpg"] == min(names)
    assert sorted(path.name for path in (workspace / "photos").iterdir()) == [f"{i:05d}.jpg" for i in range(8)]


def test_bad_one_among_good_ones_is_left_out_and_named(workspace: Path) -> None:
    """The report says which were left out and why, and the numbers of the others have no gap."""
    upload(workspace, "a.jpg", Image.fromarray(picture() // 2), "JPEG")
    put(workspace, "b.jpg", b"my holidays")
    report = run(workspace)
    assert [photo.file for photo in report.used] == ["00000.jpg", "00001.jpg"]
    told = json.loads((workspace / "photos.json").read_text())
    assert told["left_out"] == [{"name": "b.jpg", "reason": "not a picture that can be read, whatever its name says"}]
    assert not (workspace / "uploads").exists()


def test_damage_that_shows_only_when_decoding_is_left_out_too(workspace: Path) -> None:
    """A PNG whose checksums are right and whose pixels are not is found when it is converted."""
    upload(workspace, "b.jpg", Image.fromarray(picture() // 2), "JPEG")
    put(workspace, "a.png", _png_without_pixels())
    report = run(workspace)
    assert [left.name for left in report.left_out] == ["a.png"]
    assert [photo.name for photo in report.used] == ["b.jpg", "~last.jpg"]
    assert sorted(path.name for path in (workspace / "photos").iterdir()) == ["00000.jpg", "00001.jpg"]


def _png_without_pixels() -> bytes:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100, 80, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_too_few_that_can_be_used_are_refused(workspace: Path) -> None:
    """One good photograph is not enough: refused with the code that a program can tell."""
    with pytest.raises(PhotosError) as caught:
        run(workspace)
    assert caught.value.code == "photos-one"


def test_command_tells_progress_and_result(workspace: Path) -> None:
    """On the node it is a program: a line per photograph, exit code 0."""
    upload(workspace, "a.jpg", Image.fromarray(picture() // 2), "JPEG")
    ended = subprocess.run(
        [sys.executable, "-m", "naomesh.engines.photos", "--threads", "1"],
        cwd=workspace,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    told = [progress_in(line) for line in ended.stdout.splitlines()]
    assert [(step.done, step.total) for step in told if step] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_command_tells_errors_in_one_line(workspace: Path) -> None:
    """What is wrong comes as one line for the flow, without a traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "naomesh.engines.photos"], cwd=workspace, capture_output=True, text=True
    )
    error = error_in(ended.stdout.splitlines()[-1])
    assert isinstance(error, PhotosError)
    assert (error.code, ended.returncode, ended.stderr) == ("photos-one", 3, "")


@pytest.mark.parametrize(
    ("failure", "code"), [(OSError(errno.ENOSPC, "No space left"), "disk-full"), (MemoryError(), "out-of-memory")]
)
def test_full_disk_or_memory_is_told(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: Exception, code: str
) -> None:
    """A machine that ran full is the reason, not the photographs."""

    def fail(source: object, target: object) -> None:
        raise failure

    upload(workspace, "a.jpg", Image.fromarray(picture() // 2), "JPEG")
    monkeypatch.setattr(shutil, "copyfile", fail)
    monkeypatch.chdir(workspace)
    monkeypatch.setattr(sys, "argv", ["photos"])
    assert __main__.main() == 4
    error = error_in(capsys.readouterr().out.splitlines()[-1])
    assert error is not None
    assert error.code == code
