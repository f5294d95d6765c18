"""What is refused: one clear line, its own code, no traceback, and nothing left behind."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import naomesh, one_line, some_photos
from PIL import Image

from naomesh.home import Home

Make = Callable[[Path], None]


def nothing(folder: Path) -> None:
    """No folder at all."""


def empty_folder(folder: Path) -> None:
    """A folder without photos."""
    folder.mkdir()
    (folder / "notes.pdf").write_text("not a photo")


def one_photo(folder: Path) -> None:
    """A single photo."""
    some_photos(folder, 1)


def corrupt(folder: Path) -> None:
    """Noise where the pictures were."""
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * (10 + number))


def truncated(folder: Path) -> None:
    """The first half of each file."""
    for path in some_photos(folder).iterdir():
        path.write_bytes(path.read_bytes()[:5000])


def empty_files(folder: Path) -> None:
    """Files without a byte."""
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").touch()


def text_files(folder: Path) -> None:
    """Text that is named like a photo."""
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.jpg").write_text(f"I am no picture {number}.")


def huge(folder: Path) -> None:
    """Two pictures of 300 megapixels, of a few kilobytes."""
    folder.mkdir()
    for shade in range(2):
        Image.new("1", (20_000, 15_000), shade).save(folder / f"{shade}.png")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (nothing, "photos-no-folder"),
        (empty_folder, "photos-none"),
        (one_photo, "photos-one"),
        (corrupt, "photos-unreadable"),
        (truncated, "photos-unreadable"),
        (empty_files, "photos-unreadable"),
        (text_files, "photos-unreadable"),
        (huge, "photos-too-large"),
    ],
)
def test_photos_that_cannot_be_used(tmp_path, make, code):
    """Photos that cannot become a model are refused with 3 before anything is made."""
    photos, out = tmp_path / "photos", tmp_path / "a" / "out"
    make(photos)
    one_line(naomesh("run", photos, "-o", out), code, 3)
    assert not out.parent.exists()


def test_photos_that_do_not_overlap(tmp_path):
    """Only the engine can find that photos show nothing in common; then too nothing is left behind."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        noise = Image.effect_noise((80, 60), 200).resize((640, 480))
        noise.save(photos / f"{number}.jpg")
    done = naomesh("run", photos, "-o", tmp_path / "out", "--quality", "bad")
    assert " of 4 photos could be placed" in one_line(done, "photos-do-not-overlap", 3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "exit_code"),
    [
        ([], {"nominal": {"5": [1, 10**15, 1]}}, "too-little-memory", 4),
        ([], {"nominal": {"12": [1, 1, 10**17]}}, "too-little-disk", 4),
        (["--deadline", "2020-01-01"], {}, "deadline-passed", 2),
        (["--deadline", "soon"], {}, "usage", 2),
        (["--energy", "brown"], {}, "usage", 2),
        (["--quality", "best"], {}, "usage", 2),
    ],
)
def test_jobs_that_cannot_end_well(tmp_path, arguments, settings, code, exit_code):
    """Too little memory or disk for the estimate, a deadline that has passed, and nonsense: nothing is begun."""
    out = tmp_path / "out"
    done = naomesh(
        "run",
        some_photos(tmp_path / "photos"),
        "-o",
        out,
        *arguments,
        NAOMESH_ENGINE_NAME="scripted",
        NAOMESH_SCRIPTED_ENGINE=json.dumps(settings),
    )
    one_line(done, code, exit_code)
    assert not out.exists()


@pytest.mark.parametrize(
    ("setting", "value", "code", "exit_code"),
    [
        ("NAOMESH_ENGINE_NAME", "steam", "unknown-engine", 2),
        ("NAOMESH_ENERGY_SOURCE", "moon", "bad-setting", 2),
        ("NAOMESH_ENERGY_SOURCE", "trace", "trace-missing", 7),
        ("NAOMESH_POLICY_START_FRACTION", "7", "bad-setting", 2),
    ],
)
def test_settings_that_cannot_be(tmp_path, setting, value, code, exit_code):
    """A wrong setting is refused before anything is made."""
    out = tmp_path / "out"
    done = naomesh("run", some_photos(tmp_path / "photos"), "-o", out, **{setting: value})
    one_line(done, code, exit_code)
    assert not out.exists()


def test_a_folder_with_somebody_elses_model(tmp_path):
    """Results that this command did not make are not overwritten."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model.glb").write_bytes(b"precious")
    one_line(naomesh("run", some_photos(tmp_path / "photos"), "-o", tmp_path / "out"), "out-in-use", 2)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.glb"]


@pytest.mark.parametrize("command", ["run", "up"])
def test_two_onions_on_one_home(tmp_path, command):
    """A home that another Onion has is refused with 6, before anything in it is touched."""
    state = tmp_path / "out" / ".naomesh"
    state.mkdir(parents=True)
    with Home.at(state).lock("orion"):
        if command == "run":
            done = naomesh("run", some_photos(tmp_path / "photos"), "-o", tmp_path / "out")
        else:
            done = naomesh("up", NAOMESH_HOME=str(state), NAOMESH_ORION_PORT="0")
    one_line(done, "home-in-use", 6)
    assert [path.name for path in state.iterdir()] == ["orion.lock"]


def test_a_busy_port(tmp_path):
    """A port that something else has is refused with 6, and no home is made."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = naomesh("up", NAOMESH_HOME=str(tmp_path / "home"), NAOMESH_ORION_PORT=port)
    assert port in one_line(done, "port-busy", 6)
    assert not (tmp_path / "home").exists()


def test_an_unreadable_name_in_the_message(tmp_path):
    """Names with newlines and with bytes that are no text still make one line."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (b"a\nb.jpg", b"\xff.jpg"):
        (photos / name.decode("utf-8", "surrogateescape")).write_text(f"no picture {name!r}")
    one_line(naomesh("run", photos, "-o", tmp_path / "out"), "photos-unreadable", 3)
