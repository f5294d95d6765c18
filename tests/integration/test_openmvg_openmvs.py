"""The engine openmvg_openmvs on a real local node, with stand-ins that replay what the real programs said."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from naomesh.engines.base import Facts, StepTask
from naomesh.engines.export.openmvs import load_openmvs
from naomesh.engines.openmvg_openmvs.engine import OpenmvgOpenmvsEngine
from naomesh.engines.openmvg_openmvs.launcher import DATABASE
from naomesh.engines.openmvg_openmvs.steps import PROGRAMS
from naomesh.errors import NaomeshError, PhotosError, ResourceError, StepFailed
from naomesh.jobs.request import Quality
from naomesh.nodes.local import LocalNode

STANDINS = Path(__file__).resolve().parent.parent / "standins"


class Rig:
    """A node with stand-ins on its PATH, and an engine that runs steps on it."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.bin = tmp_path / "bin"
        self.bin.mkdir()
        for program in PROGRAMS:
            (self.bin / program).symlink_to(STANDINS / "standin.py")
        (self.bin / "mvgmvs").symlink_to(STANDINS / "mvgmvs.py")
        monkeypatch.setenv("PATH", f"{self.bin}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin")
        workspace = tmp_path / "a workspace"
        (workspace / "photos").mkdir(parents=True)
        self.node = LocalNode(workspace, threads=2, memory_bytes=4_000_000_000)
        self.engine = OpenmvgOpenmvsEngine()
        self.log = tmp_path / "log"
        self.focal_px: float | None = None

    @property
    def workspace(self) -> Path:
        """Where the steps run."""
        return self.node.workspace

    def photos(self, count: int, case: str = "good") -> None:
        """So many photographs in the workspace, and the recording that belongs to them."""
        for number in range(count):
            Image.new("RGB", (16, 12), (number * 9, 90, 90)).save(self.workspace / f"photos/{number:05d}.jpg")
        self.monkeypatch.setenv("STANDIN_CASE", case)

    def task(self) -> StepTask:
        """What the job asks for."""
        photos = len(list((self.workspace / "photos").iterdir()))
        return StepTask(Quality.GOOD, photos, photos * 5.67, 2, self.node.memory_bytes, self.focal_px)

    def run(self, number: int) -> Facts:
        """One step: its facts, or what it raises."""
        step, task = self.engine.step(number), self.task()
        shares = []

        def listen(line: str) -> None:
            progress = self.engine.progress(step, line)
            if progress:
                shares.append(progress.done / progress.total)

        outcome = self.node.run(self.engine.command(step, task), self.log, listen)
        self.shares = shares
        return self.engine.check(step, task, self.node.files, outcome)

    def run_until(self, last: int = 99) -> dict[int, Facts]:
        """All steps up to one, and what each counted."""
        return {step.number: self.run(step.number) for step in self.engine.steps if step.number <= last}

    def fail(self, number: int) -> NaomeshError:
        """What a step raises."""
        with pytest.raises(NaomeshError) as caught:
            self.run(number)
        assert "\n" not in caught.value.line()
        return caught.value


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A rig without photographs."""
    return Rig(tmp_path, monkeypatch)


def test_fourteen_good_photos_become_a_textured_mesh(rig: Rig) -> None:
    """Every step of a good job passes its check, counts what it wrote, and tells progress up to its end."""
    rig.photos(14)
    facts = {}
    for step in rig.engine.steps:
        facts[step.number] = rig.run(step.number)
        assert rig.shares == sorted(rig.shares)
        if step.number != 14:  # the recorded refine was stopped
            assert rig.shares[-1] == 1.0
        missing = [pattern for pattern in step.outputs if not rig.node.files.glob(pattern)]
        assert not missing
    assert facts[0] == {"photos": 14, "cameras": 1, "left_out": [], "photos_without_focal": []}
    assert facts[1]["features"] == 317_718
    assert facts[2] == {"pairs": 91}
    assert facts[3] == {"matched_pairs": 91}
    assert facts[4] == {"photos_without_matches": 0}
    assert facts[5] == {"photos": 14, "registered": 14, "sparse_points": 42_162}
    assert facts[11] == {"left_out": [], "registered": 14}
    assert facts[12] == {"points": 144}
    assert facts[13] == facts[14] == {"vertices": 144, "faces": 242}
    assert facts[15] == {
        **facts[14],
        "texture_width": 64,
        "texture_height": 64,
        "textures": 1,
    }


def test_the_export_reads_what_the_steps_left(rig: Rig) -> None:
    """The user's results are made from the textured mesh and its picture, under the names that openMVS gives them."""
    rig.photos(14)
    rig.run_until()
    model = load_openmvs(rig.workspace / "mvs")
    assert model.faces.shape == (242, 3)
    assert model.texture.shape == (64, 64, 3)
    assert model.uv.min() >= 0
    assert model.uv.max() <= 1


def test_every_path_in_the_files_is_relative(rig: Rig) -> None:
    """A later step may run where the workspace has another name, so no file keeps an absolute path."""
    rig.photos(14)
    rig.run_until(11)
    listing = json.loads((rig.workspace / "sfm/matches/sfm_data.json").read_text())
    assert listing["root_path"] == "../photos"
    assert str(rig.workspace) not in rig.log.read_text()


def test_the_sensor_database_is_found_beside_the_programs(rig: Rig) -> None:
    """The listing gets openMVG's database from where it lies on the node; where it lies nowhere, not."""
    rig.photos(14)
    rig.run(0)
    assert " -d " not in rig.log.read_text()
    database = rig.bin.parent / "share/openMVG" / DATABASE
    database.parent.mkdir(parents=True)
    database.touch()
    rig.run(0)
    assert f"-d {database}" in rig.log.read_text()


@pytest.mark.parametrize(("case", "code"), [("no_photos", "photos-none"), ("one_photo", "photos-one")])
def test_too_few_photos_are_refused_at_the_listing(rig: Rig, case: str, code: str) -> None:
    """No photo or one photo ends the job at step 0, long before the programs would notice."""
    rig.photos(0 if case == "no_photos" else 1, case)
    error = rig.fail(0)
    assert isinstance(error, PhotosError)
    assert error.code == code


@pytest.mark.parametrize("case", ["no_photos", "one_photo"])
def test_no_pairs_are_refused_later_too(rig: Rig, case: str) -> None:
    """What the programs do with too few photos (exit 0, empty files) is seen at each of the steps."""
    rig.photos(1, case)
    for number in range(5):
        step, task = rig.engine.step(number), rig.task()
        rig.node.run(rig.engine.command(step, task), rig.log, len)
    assert rig.fail(2).code == "photos-one"
    assert rig.fail(3).code == rig.fail(4).code == rig.fail(5).code == "photos-do-not-overlap"


def test_unrelated_photos_do_not_overlap(rig: Rig) -> None:
    """Photos of different things are refused at the filter, where the empty file is, in a photographer's words."""
    rig.photos(2, "two_unrelated_photos")
    assert rig.run_until(3)[3] == {"matched_pairs": 1}
    error = rig.fail(4)
    assert isinstance(error, PhotosError)
    assert error.code == "photos-do-not-overlap"
    assert error.message == "none of 2 photos could be placed; neighbours should share about two thirds of the picture."
    assert rig.fail(5).code == "photos-do-not-overlap"


def test_too_few_placed_photos_do_not_overlap(rig: Rig) -> None:
    """Less than half of the photos placed is no model: the refusal says how many of how many."""
    rig.photos(14, "one_truncated_photo")
    rig.run_until(4)
    error = rig.fail(5)
    assert error.code == "photos-do-not-overlap"
    assert error.message.startswith("only 4 of 14 photos could be placed;")


def test_a_truncated_photo_is_used_and_an_unreadable_one_named(rig: Rig) -> None:
    """A photo that breaks off is used as far as it goes; one that is no JPEG is dropped in silence, and named."""
    rig.photos(4, "one_truncated_photo")
    (rig.workspace / "photos/00004.jpg").write_bytes(b"\x5d\xf3 no jpeg")
    facts = rig.run_until(11)
    assert facts[0]["left_out"] == ["00004.jpg"]
    assert facts[5]["registered"] == facts[11]["registered"] == 4


def test_unreadable_photos_are_named_as_their_owner_knows_them(rig: Rig) -> None:
    """Empty and headless photos are dropped in silence by openMVG; their own names stand in the facts."""
    rig.photos(4, "three_unreadable_photos")
    (rig.workspace / "photos/00004.jpg").write_bytes(b"")
    (rig.workspace / "photos/00005.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    used = [{"file": f"{number:05d}.jpg", "name": f"garden {number}.JPG"} for number in range(6)]
    (rig.workspace / "photos.json").write_text(json.dumps({"used": used}))
    facts = rig.run_until(11)
    assert facts[0]["left_out"] == ["garden 4.JPG", "garden 5.JPG"]
    assert facts[0]["photos"] == facts[5]["registered"] == 4


def test_when_hardly_any_photo_is_readable_the_job_ends(rig: Rig) -> None:
    """With less than two photos left the names of the unreadable ones are the message."""
    rig.photos(1, "one_photo")
    (rig.workspace / "photos/bad.jpg").write_bytes(b"")
    error = rig.fail(0)
    assert error.code == "photos-unreadable"
    assert error.message == "1 of 2 photos cannot be read: bad.jpg."


def test_photos_without_focal_length_are_refused(rig: Rig) -> None:
    """Without a focal length openMVG goes on until step 5 and fails there; the listing tells it at once."""
    rig.photos(6, "no_focal_length")
    error = rig.fail(0)
    assert isinstance(error, PhotosError)
    assert error.code == "photos-no-focal-length"
    for number in range(1, 5):
        rig.run(number)
    assert rig.fail(5).code == "photos-no-focal-length"


def test_a_given_focal_length_helps(rig: Rig) -> None:
    """A focal length that the job brings is handed to openMVG in pixels."""
    rig.photos(6, "no_focal_length")
    rig.focal_px = 2937.25
    assert rig.run(0)["cameras"] == 1
    assert "-f 2937.25" in rig.log.read_text()


@pytest.mark.parametrize(
    ("focals", "passed"), [([None, None], True), ([2900, 2950], True), ([2900, None], True), ([900, 2950], False)]
)
@pytest.mark.parametrize("command", ["", "mvgmvs"])
def test_one_focal_length_is_given_to_photos_of_one_lens(
    rig: Rig, command: str, focals: list[float | None], passed: bool
) -> None:
    """The programs take a focal length for all photos alike, so it is withheld where EXIF tells different ones."""
    rig.engine = OpenmvgOpenmvsEngine(command)
    rig.photos(2)
    rig.focal_px = 2900
    used = [{"file": f"{at:05d}.jpg", "name": f"{at}.jpg", "focal_px": focal} for at, focal in enumerate(focals)]
    (rig.workspace / "photos.json").write_text(json.dumps({"used": used, "left_out": []}))
    rig.run(0)
    assert (" 2900" in rig.log.read_text()) is passed


FINISHED = {
    12: ["mvs/scene_dense.mvs", "mvs/scene_dense.ply"],
    5: ["sfm/sfm_data.bin"],
    13: ["mvs/scene_dense_mesh.ply"],
    14: ["mvs/scene_dense_mesh_refine.ply"],
    15: ["mvs/scene_dense_mesh_refine_texture.ply"],
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig in whose workspace every step has run."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        rig = Rig(tmp_path_factory.mktemp("finished"), monkeypatch)
        rig.photos(14)
        rig.run_until()
        yield rig


@pytest.mark.parametrize(
    ("fault", "kind", "code", "words"),
    [
        ("12:kill", ResourceError, "out-of-memory", "step 12 densify ran out of memory"),
        ("12:no-memory", ResourceError, "out-of-memory", "out of memory"),
        ("12:no-space", ResourceError, "disk-full", "disk"),
        ("12:crash", StepFailed, "step-failed", "ended by SIGSEGV"),
        ("12:silent", StepFailed, "step-failed", "did not write scene_dense.mvs"),
        ("12:short", StepFailed, "step-failed", "broke off in the middle of scene_dense.ply"),
        ("5:silent", PhotosError, "photos-do-not-overlap", "none of 14 photos"),
        ("13:silent", StepFailed, "step-failed", "did not write scene_dense_mesh.ply"),
        ("14:silent", StepFailed, "step-failed", "did not write scene_dense_mesh_refine.ply"),
        ("15:silent", StepFailed, "step-failed", "did not write scene_dense_mesh_refine_texture.ply"),
        ("15:short", StepFailed, "step-failed", "broke off in the middle of scene_dense_mesh_refine_texture.ply"),
    ],
)
def test_other_failures_are_clear(
    finished: Rig, monkeypatch: pytest.MonkeyPatch, fault: str, kind: type[NaomeshError], code: str, words: str
) -> None:
    """Killed, out of memory, out of disk, crashed, silent or cut short: each is one line with its own code."""
    number = int(fault.partition(":")[0])
    kept = {path: (finished.workspace / path).read_bytes() for path in FINISHED[number]}
    for path in kept:
        (finished.workspace / path).unlink()
    monkeypatch.setenv("STANDIN_FAULT", fault)
    error = finished.fail(number)
    for path, content in kept.items():
        (finished.workspace / path).write_bytes(content)
    assert isinstance(error, kind)
    assert error.code == code
    assert words in error.message


def test_a_failed_program_is_quoted(rig: Rig) -> None:
    """A step that fails for a reason of its own is told with the last meaningful line of its log."""
    rig.photos(14)
    rig.run_until(5)
    (rig.workspace / "sfm/sfm_data.bin").unlink()
    error = rig.fail(11)
    assert error.code == "step-failed"
    assert error.message == (
        'step 11 export failed (exit code 1): The input file "../sfm/sfm_data.bin" cannot be read.'
    )


def test_missing_programs_are_named(rig: Rig) -> None:
    """A node without the programs says which, before a job starts; a step that runs all the same says it too."""
    assert rig.engine.missing(rig.node.files) == ""
    (rig.bin / "RefineMesh").unlink()
    (rig.bin / "openMVG_main_SfM").unlink()
    assert rig.engine.missing(rig.node.files).startswith("openMVG_main_SfM, RefineMesh not found on PATH")
    rig.photos(14)
    rig.run_until(4)
    error = rig.fail(5)
    assert error.code == "step-failed"
    assert "the program is not there" in error.message


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.4"])
def test_the_script_runs_the_right_steps_under_any_of_its_numbers(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Through mvgmvs, the numbers come from the script's help: 12 is densify in one version, COLMAP in another."""
    monkeypatch.setenv("STANDIN_SCRIPT", version)
    rig.engine = OpenmvgOpenmvsEngine("mvgmvs")
    assert rig.engine.missing(rig.node.files) == ""
    rig.photos(14)
    facts = rig.run_until()
    assert facts[5]["registered"] == 14
    assert facts[15]["faces"] == 242
    number = {"2.1": 12, "2.2": 17, "2.4": 18}[version]
    log = rig.log.read_text()
    assert f"+ mvgmvs photos . --steps {number} --{number} resolution-level 1 max-threads 2\n" in log
    assert "+ mvgmvs photos . --steps 1 --1 p HIGH n 2\n" in log
    assert "colmap" not in [line.split()[1] for line in log.splitlines() if line.startswith("Cmd: ")]


def test_the_script_hides_failures_that_the_check_sees(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script exits 0 when its program dies: the check goes by what was written and what was said."""
    rig.engine = OpenmvgOpenmvsEngine("mvgmvs")
    rig.photos(14)
    rig.run_until(11)
    monkeypatch.setenv("STANDIN_FAULT", "12:no-memory")
    assert rig.fail(12).code == "out-of-memory"
    monkeypatch.setenv("STANDIN_FAULT", "12:no-space")
    assert rig.fail(12).code == "disk-full"
    monkeypatch.setenv("STANDIN_FAULT", "12:crash")
    assert rig.fail(12).message.startswith("step 12 densify did not write scene_dense.mvs (exit code 0)")


def test_a_script_without_the_step_is_refused(rig: Rig) -> None:
    """A command that is not the pipeline's script never runs a step of its own under our number."""
    (rig.bin / "other").write_text("#!/bin/sh\necho usage: other [-h]\n")
    (rig.bin / "other").chmod(0o755)
    rig.engine = OpenmvgOpenmvsEngine("other")
    rig.photos(14)
    assert "other has no step 'Intrinsics analysis'" in rig.fail(0).message


@pytest.mark.shared
def test_the_replays_are_what_was_recorded() -> None:
    """The project's copy of the programs' output is the real one, to the byte."""
    recorded = STANDINS.parent.parent.parent / "shared/data/openmvg_openmvs"
    copies = [path for path in (STANDINS / "replays").rglob("*") if path.is_file()]
    assert len(copies) > 70
    for path in copies:
        assert path.read_bytes() == (recorded / path.relative_to(STANDINS / "replays")).read_bytes()
