"""The pocket engine on photographs that are few, strange or unrelated, on a full disk, and when it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from PIL import Image
from pocket_support import run_engine

from naomesh.errors import PhotosError, ResourceError
from naomesh.jobs.request import Quality
from naomesh.testing.scene import SIZE, encoded, painted, photograph, truth

TAKEN = 6
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def arc(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six neighbouring photographs of the scene; tests only read them."""
    folder: Path = tmp_path_factory.mktemp("arc")
    model, cameras = painted(max(SIZE)), truth().cameras[:TAKEN]
    for number, camera in enumerate(cameras):
        (folder / camera.name).write_bytes(encoded(photograph(model, camera, np.random.default_rng(number))))
    return [folder / camera.name for camera in cameras]


def unrelated(path: Path, seed: int) -> None:
    """A photograph full of detail that no other one shares."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(np.asarray(picture)).save(path, quality=92)


def place(photos: list[Path], folder: Path) -> Path:
    """A workspace with these photographs."""
    (folder / "photos").mkdir()
    for number, path in enumerate(photos):
        (folder / f"photos/{number:05d}.jpg").write_bytes(path.read_bytes())
    return folder


def test_photos_that_do_not_overlap_are_refused(tmp_path: Path) -> None:
    """Photographs of unrelated things say how many could be placed, and what to do."""
    place([], tmp_path)
    for number in range(8):
        unrelated(tmp_path / f"photos/{number:05d}.jpg", number)
    with pytest.raises(PhotosError, match="photos could be placed; neighbours should share about two thirds") as caught:
        run_engine(tmp_path, Quality.BAD, last=5)
    assert caught.value.code == "photos-do-not-overlap"


def test_too_few_of_many_are_refused_with_their_number(tmp_path: Path, arc: list[Path]) -> None:
    """Where four of ten photographs belong together, the message says that only four could be placed."""
    place(arc[:4], tmp_path)
    for number in range(4, 10):
        unrelated(tmp_path / f"photos/{number:05d}.jpg", number)
    with pytest.raises(PhotosError, match="Only 4 of 10 photos could be placed"):
        run_engine(tmp_path, Quality.BAD, last=5)


def test_a_stranger_among_good_ones_is_left_out_by_name(tmp_path: Path, arc: list[Path]) -> None:
    """A photograph of something else costs nothing but itself, and is called what its owner called it."""
    place(arc, tmp_path)
    unrelated(tmp_path / "photos/00006.jpg", 1)
    used = [
        {
            "file": f"{n:05d}.jpg",
            "name": f"my photo {n}.jpg",
            "width": 640,
            "height": 480,
            "focal_px": 736.0,
            "camera": "",
        }
        for n in range(7)
    ]
    (tmp_path / "photos.json").write_text(json.dumps({"used": used, "left_out": []}))
    run = run_engine(tmp_path, Quality.BAD, last=5)
    assert run.facts[5]["registered"] == TAKEN
    assert run.facts[5]["left_out"] == ["my photo 6.jpg"]


def test_two_photos_are_too_few(tmp_path: Path, arc: list[Path]) -> None:
    """Fewer than three photographs are refused before anything is computed."""
    with pytest.raises(PhotosError, match="2 photos are too few"):
        run_engine(place(arc[:2], tmp_path), Quality.BAD, last=5)


def test_plain_walls_are_refused(tmp_path: Path) -> None:
    """Photographs without any detail are refused, and the message says what is missing."""
    place([], tmp_path)
    for number in range(4):
        Image.new("RGB", (320, 240), (90 + number, 90, 90)).save(tmp_path / f"photos/{number:05d}.jpg")
    with pytest.raises(PhotosError, match="too little detail"):
        run_engine(tmp_path, Quality.BAD, last=5)


def test_mixed_sizes_without_exif_work(tmp_path: Path, arc: list[Path]) -> None:
    """Photographs of two cameras that say nothing of themselves become one scene with two cameras."""
    place([], tmp_path)
    for number, path in enumerate(arc):
        with Image.open(path) as image:
            small = image.resize((512, 384)) if number % 2 else image
            small.convert("RGB").save(tmp_path / f"photos/{number:05d}.jpg", quality=93)
    run = run_engine(tmp_path, Quality.BAD, last=11)
    assert run.facts[0]["cameras"] == 2
    assert run.facts[0]["focal_from_exif"] == 0
    assert run.facts[5]["registered"] == TAKEN


def test_a_full_disk_is_told(tmp_path: Path, arc: list[Path]) -> None:
    """A step whose output finds no space ends with that reason."""
    place(arc, tmp_path)
    (tmp_path / "pocket").mkdir()
    (tmp_path / "pocket/cameras.json").symlink_to("/dev/full")
    with pytest.raises(ResourceError) as caught:
        run_engine(tmp_path, Quality.BAD, last=0)
    assert caught.value.code == "disk-full"


def test_a_killed_step_leaves_no_process(tmp_path: Path, arc: list[Path]) -> None:
    """When a step is killed with -9 its helpers die with it."""
    place(arc * 20, tmp_path)
    command = [sys.executable, "-m", "naomesh.engines.pocket"]
    subprocess.run([*command, "0", "--quality", "bad"], cwd=tmp_path, check=True, capture_output=True)
    with subprocess.Popen(
        [*command, "1", "--quality", "bad", "--threads", "2"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as step:
        assert step.stdout is not None
        assert step.stdout.readline().startswith("@progress")  # so its helpers are at work
        helpers = psutil.Process(step.pid).children(recursive=True)
        assert helpers
        step.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        _, alive = psutil.wait_procs(helpers, timeout=deadline - time.monotonic())
    assert not alive
