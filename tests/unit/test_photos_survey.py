"""What a folder of photographs holds, and what is said no to."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naomesh.engines.photos import survey
from naomesh.errors import PhotosError


def jpeg(seed: int = 0, size: tuple[int, int] = (64, 48), **exif: object) -> bytes:
    """A photograph of noise; the same seed gives the same bytes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90, **exif)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def refused(folder: Path) -> PhotosError:
    """The error with which a folder is refused: one line that says what to do."""
    with pytest.raises(PhotosError) as caught:
        survey(folder)
    assert "\n" not in caught.value.line()
    assert caught.value.mend
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good photographs."""
    for index in range(2):
        (tmp_path / f"good {index}.jpg").write_bytes(jpeg(index))
    return tmp_path


def test_good_photographs_are_described(tmp_path: Path) -> None:
    """Size as it stands upright, camera and focal length come from each file; they are sorted by name."""
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Canon", "Canon EOS 5D", 6
    exif.get_ifd(0x8769)[41989] = 72
    (tmp_path / "b.jpg").write_bytes(jpeg(1, (64, 48), exif=exif))
    (tmp_path / "a.jpg").write_bytes(jpeg(2, (80, 60)))
    found = survey(tmp_path)
    assert [photo.name for photo in found.usable] == ["a.jpg", "b.jpg"]
    plain, turned = found.usable
    assert (plain.width, plain.height, plain.focal_px, plain.camera, plain.plain) == (80, 60, None, "", True)
    assert (turned.width, turned.height, turned.focal_px, turned.camera) == (48, 64, 128.0, "Canon EOS 5D")
    assert not turned.plain
    assert found.megapixels == pytest.approx((80 * 60 + 64 * 48) / 1e6)


def test_focal_length_is_found_from_the_sensor_too(tmp_path: Path) -> None:
    """Without a 35 mm equivalent, millimetres and the sensor's resolution tell the focal length."""
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[37386], details[41486], details[41488] = 10.0, 254.0, 2
    details[40962], details[40963] = 128, 96
    for index in range(2):
        (tmp_path / f"{index}.jpg").write_bytes(jpeg(index, (64, 48), exif=exif))
    assert survey(tmp_path).usable[0].focal_px == pytest.approx(10.0 * 10.0 * 64 / 128)


@pytest.mark.parametrize("focal", [0, 1, 65535, 3])
def test_absurd_focal_lengths_do_not_count(tmp_path: Path, focal: int) -> None:
    """A focal length that no lens has is as good as none."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[41989] = focal
    for index in range(2):
        (tmp_path / f"{index}.jpg").write_bytes(jpeg(index, exif=exif))
    assert survey(tmp_path).usable[0].focal_px is None


def test_malformed_exif_is_no_reason_to_leave_a_photograph_out(tmp_path: Path) -> None:
    """EXIF of garbage says nothing, and the photograph is used."""
    for index in range(2):
        (tmp_path / f"{index}.jpg").write_bytes(jpeg(index, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"))
    assert [(photo.focal_px, photo.orientation) for photo in survey(tmp_path).usable] == [(None, 1)] * 2


@pytest.mark.parametrize(
    "name",
    [
        "a photo.jpg",
        'it\'s "one".jpg',
        "two\nlines.jpg",
        "фото.jpg",
        "写真.JPG",
        "😀.jpeg",
        "a%20b.jpg",
        "-rf.jpg",
        "$HOME;.jpg",
    ],
)
def test_names_may_hold_anything(folder: Path, name: str) -> None:
    """Spaces, quotes, newlines, letters of any script: the name is kept as it is."""
    (folder / name).write_bytes(jpeg(7))
    assert name in [photo.name for photo in survey(folder).usable]


@pytest.mark.skipif(sys.platform == "darwin", reason="this file system refuses such names")
def test_name_that_is_not_text_is_left_out(folder: Path) -> None:
    """A name that is not UTF-8 could not be told to anybody, so the photograph is left out with that reason."""
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.jpg")).write_bytes(jpeg(7))
    (left,) = survey(folder).left_out
    assert "UTF-8" in left.reason


def test_other_files_and_folders_do_not_count(folder: Path) -> None:
    """Notes, hidden files and folders beside the photographs are no photographs."""
    (folder / "notes.txt").write_text("ten past four")
    (folder / ".hidden.jpg").write_bytes(jpeg(8))
    (folder / "more.jpg").mkdir()
    found = survey(folder)
    assert (found.given, len(found.usable)) == (2, 2)


def test_pictures_count_whatever_their_name_ends_with(folder: Path) -> None:
    """A picture without a usual ending is a photograph all the same."""
    (folder / "picture").write_bytes(jpeg(9))
    assert survey(folder).given == 3


BAD = {
    "empty": (b"", "empty"),
    "text": (b"These are my holidays.\n" * 40, "not a picture"),
    "garbage": (bytes(range(256)) * 20, "not a picture"),
    "header only": (jpeg()[:20], ""),
    "truncated": (jpeg()[: len(jpeg()) // 2], "cut short"),
    "300 megapixels": (png_header(20000, 15000), "300 megapixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_photograph_among_good_ones_is_left_out_and_named(folder: Path, kind: str) -> None:
    """Empty, no picture, cut short or too large: left out with its reason, and the others are used."""
    content, reason = BAD[kind]
    (folder / "bad.jpg").write_bytes(content)
    found = survey(folder)
    assert [photo.name for photo in found.usable] == ["good 0.jpg", "good 1.jpg"]
    assert [left.name for left in found.left_out] == ["bad.jpg"]
    assert reason in found.left_out[0].reason
    assert found.given == 3
    assert folder / "bad.jpg" in found.paths


@pytest.mark.parametrize("kind", BAD)
def test_nothing_but_bad_photographs_is_refused(tmp_path: Path, kind: str) -> None:
    """When none can be used the first reason is told, under a code of its own."""
    for index in range(3):
        (tmp_path / f"{index}.jpg").write_bytes(BAD[kind][0] + bytes(index))
    if kind == "empty":
        for index in range(3):
            (tmp_path / f"{index}.jpg").write_bytes(b"")
    error = refused(tmp_path)
    assert error.code == ("photos-too-large" if kind == "300 megapixels" else "photos-unreadable")
    assert "0.jpg" in str(error)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_damage_in_the_middle_of_a_jpeg_is_found(folder: Path, seed: int, options: dict[str, object]) -> None:
    """A kilobyte of garbage in the middle decodes to grey in silence: the photograph is left out as damaged."""
    content = jpeg(seed + 10, (160, 120), **options)
    (folder / "sound.jpg").write_bytes(content)
    middle = len(content) // 2
    garbage = np.random.default_rng(seed).bytes(1024)
    (folder / "bad.jpg").write_bytes(content[:middle] + garbage + content[middle + 1024 :])
    found = survey(folder)
    assert [(left.name, left.reason) for left in found.left_out] == [("bad.jpg", "damaged")]
    assert "sound.jpg" in [photo.name for photo in found.usable]


def test_what_follows_the_picture_is_no_damage(folder: Path) -> None:
    """Cameras append videos, maps and second pictures to a JPEG: it is used."""
    (folder / "more.jpg").write_bytes(jpeg(9) + np.random.default_rng(0).bytes(5000) + jpeg(8))
    assert survey(folder).left_out == ()


@pytest.mark.shared
def test_real_photographs_are_sound(shared_data: Path) -> None:
    """All photographs of the relief, from a real camera, can be used."""
    found = survey(shared_data / "photos" / "relief")
    assert (len(found.usable), found.left_out) == (14, ())


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "BMP"])
def test_cut_short_pictures_of_every_format_are_found(folder: Path, kind: str) -> None:
    """Not only JPEGs: the second half is missing, so the picture is left out."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg(3))).save(stream, kind)
    (folder / f"bad.{kind.lower()}").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    assert [left.name for left in survey(folder).left_out] == [f"bad.{kind.lower()}"]


def test_a_picture_too_large_is_known_by_its_header(folder: Path) -> None:
    """A 300-megapixel picture is refused without being decoded: it takes no memory worth the name."""
    (folder / "bomb.png").write_bytes(png_header(20000, 15000))
    limit = 700 * 1024 * 1024  # address space: decoded it would take 900 MB
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}));"
        "from pathlib import Path; from naomesh.engines.photos import survey;"
        f"print(survey(Path({str(folder)!r}), threads=1).left_out[0].reason)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "300 megapixels, the limit is 100" in told.stdout


def test_same_picture_twice_counts_once(folder: Path) -> None:
    """A copy of a photograph tells nothing new: it is left out, and the original named."""
    (folder / "copy.jpg").write_bytes((folder / "good 0.jpg").read_bytes())
    (left,) = survey(folder).left_out
    assert (left.name, left.reason) == ("good 0.jpg", "the same picture as copy.jpg")


@pytest.mark.parametrize("name", ["raw.CR2", "phone.heic"])
def test_kinds_that_are_not_read_are_told(folder: Path, name: str) -> None:
    """Raw files and HEIC are photographs to their owner: they are left out with what to do, not ignored."""
    (folder / name).write_bytes(b"II*\0" + bytes(100))
    (left,) = survey(folder).left_out
    assert "first" in left.reason


def test_photograph_that_may_not_be_read_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is left out with that reason, and the others are used."""
    (folder / "secret.jpg").write_bytes(jpeg(5))
    real = Image.open

    def guarded(path: Path, *args: object, **options: object) -> Image.Image:
        if Path(path).name == "secret.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(Image, "open", guarded)
    (left,) = survey(folder).left_out
    assert (left.name, left.reason) == ("secret.jpg", "cannot be read: permission denied")


def test_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without permission is refused with that reason."""

    def denied(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    error = refused(tmp_path)
    assert error.code == "photos-no-folder"
    assert "Permission denied" in str(error)


def test_dangling_link_is_left_out(folder: Path) -> None:
    """A link to nothing is left out as unreadable."""
    (folder / "link.jpg").symlink_to(folder / "gone.jpg")
    (left,) = survey(folder).left_out
    assert (left.name, left.reason) == ("link.jpg", "cannot be read")


def test_pipe_does_not_hang(folder: Path) -> None:
    """A pipe named like a photograph is left out, and nothing waits for it."""
    os.mkfifo(folder / "pipe.jpg")
    assert [left.name for left in survey(folder).left_out] == ["pipe.jpg"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda _path: None, "photos-no-folder"),
        (lambda path: path.write_bytes(jpeg()), "photos-no-folder"),
        (lambda path: path.mkdir(), "photos-none"),
        (lambda path: (path.mkdir(), (path / "notes.txt").write_text("none")), "photos-none"),
        (lambda path: (path.mkdir(), (path / "a.jpg").write_bytes(jpeg())), "photos-one"),
        (lambda path: (path.mkdir(), [(path / name).write_bytes(jpeg()) for name in ("a.jpg", "b.jpg")]), "photos-one"),
    ],
    ids=["no folder", "a file", "empty folder", "no photographs", "one photograph", "one photograph twice"],
)
def test_too_few_photographs_are_refused(tmp_path: Path, make: object, code: str) -> None:
    """Each way to have too few photographs has a code of its own and one line that says what to do."""
    make(tmp_path / "photos")  # type: ignore[operator]  # a table of small functions
    error = refused(tmp_path / "photos")
    assert error.code == code
    assert error.exit_code == 3


def test_progress_is_told_for_each_photograph(folder: Path) -> None:
    """Who waits for a long folder learns how far it is."""
    told: list[tuple[int, int]] = []
    survey(folder, threads=1, on_photo=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_survey_starts_nothing_heavy() -> None:
    """Commands that only look at a folder do not wait for numpy or OpenCV."""
    code = "import sys, naomesh.engines.photos; sys.exit(any(name in sys.modules for name in ('numpy', 'cv2')))"
    subprocess.run([sys.executable, "-c", code], check=True)
