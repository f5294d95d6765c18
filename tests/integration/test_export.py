"""What the user gets: every file whole, in the right place, the right way up."""

from __future__ import annotations

import errno
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from models import GREEN, RED, house
from PIL import Image

from naomesh.engines.export import __main__
from naomesh.engines.export.files import whole
from naomesh.engines.export.placing import middle_of, placed
from naomesh.engines.export.preview import preview, viewpoint
from naomesh.engines.export.results import FILES, export
from naomesh.engines.mesh import TexturedMesh
from naomesh.engines.messages import error_in, progress_in
from naomesh.errors import StepFailed

Array = np.ndarray[Any, np.dtype[Any]]
FACES = 16


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the house; tests only read them."""
    workspace = tmp_path_factory.mktemp("house")
    house().save(workspace)
    export(workspace, lambda _done, _total: None)
    return workspace / "results"


def colours_by_corner(mesh: trimesh.Trimesh) -> Array:
    """The texture's colour at each corner (V, 3), through the loader's own reading of the coordinates."""
    colours = mesh.visual.to_color().vertex_colors
    return np.asarray(colours)[:, :3].astype(int)


def nearly(colours: Array, colour: tuple[int, int, int]) -> Array:
    """Which of the colours are that one, but for JPEG."""
    return np.asarray(np.abs(colours - colour).max(axis=1) < 25)


def check_upright_house(mesh: trimesh.Trimesh, rel: float = 1e-4) -> None:
    """Y up, on the ground, in the middle; the roof above and the front before, as the texture tells."""
    low, high = mesh.bounds
    assert low[1] == pytest.approx(0, abs=1e-6)
    assert high[1] == pytest.approx(1.6 * 0.37, rel=rel)
    assert (low + high)[[0, 2]] == pytest.approx([0, 0], abs=1e-6)
    assert (high - low)[[0, 2]] == pytest.approx([2 * 0.37, 1 * 0.37], rel=rel)
    assert len(mesh.faces) == FACES
    colours = colours_by_corner(mesh)
    roof, front = nearly(colours, RED), nearly(colours, GREEN)
    assert roof.any()
    assert mesh.vertices[roof, 1].min() > 0.9 * 0.37
    assert mesh.vertices[front, 2] == pytest.approx(0.5 * 0.37, rel=rel)
    centres = mesh.triangles_center - mesh.bounds.mean(axis=0)
    assert ((centres * mesh.face_normals).sum(axis=1) > 0).all()


def test_all_files_are_there_and_nothing_else(results: Path) -> None:
    """The folder holds exactly the promised files."""
    assert sorted(path.name for path in results.iterdir()) == sorted(FILES)


def test_glb_is_upright_in_a_reader_that_we_did_not_write(results: Path) -> None:
    """Trimesh finds the house on its feet, with its front to +Z and its texture the right way round."""
    mesh = trimesh.load(results / "model.glb", force="mesh", process=False)
    check_upright_house(mesh)


def test_obj_is_upright_in_a_reader_that_we_did_not_write(results: Path) -> None:
    """The OBJ with its material and texture is the same house."""
    mesh = trimesh.load(results / "model.obj", force="mesh", process=False)
    check_upright_house(mesh)
    assert (results / "model.mtl").read_text().splitlines()[-1] == "map_Kd model.jpg"


def test_ply_is_what_the_front_end_loads(results: Path) -> None:
    """ASCII, the texture named in a comment, texture coordinates per face: as openMVS writes it."""
    lines = (results / "scene_dense_mesh_texture.ply").read_text().splitlines()
    assert lines[:10] == [
        "ply",
        "format ascii 1.0",
        "comment TextureFile scene_dense_mesh_texture.png",
        "element vertex 10",
        "property float x",
        "property float y",
        "property float z",
        f"element face {FACES}",
        "property list uchar int vertex_indices",
        "property list uchar float texcoord",
    ]
    assert lines[10] == "end_header"
    vertices = np.array([line.split() for line in lines[11:21]], dtype=float)
    rows = np.array([line.split() for line in lines[21:]], dtype=float)
    assert len(rows) == FACES
    assert (rows[:, 0] == 3).all()
    assert (rows[:, 4] == 6).all()
    corners = vertices[rows[:, 1:4].astype(int)].reshape(-1, 3)
    texture = np.asarray(Image.open(results / "scene_dense_mesh_texture.png"))
    uv = rows[:, 5:].reshape(-1, 2)
    colours = texture[((1 - uv[:, 1]) * 64).astype(int), (uv[:, 0] * 64).astype(int)].astype(int)
    assert (corners[nearly(colours, RED), 1] > 0.9 * 0.37).all()
    assert corners[nearly(colours, GREEN), 2] == pytest.approx(0.5 * 0.37, rel=1e-4)


def test_ply_is_read_by_others(results: Path) -> None:
    """Trimesh reads the same shape from it."""
    mesh = trimesh.load(results / "scene_dense_mesh_texture.ply", process=False)
    assert len(mesh.faces) == FACES
    assert mesh.bounds[1][1] == pytest.approx(1.6 * 0.37, rel=1e-4)


def test_preview_shows_the_whole_model_from_the_front(results: Path) -> None:
    """The picture holds all of the model, large, on a neutral ground; roof and front are seen, the back is not."""
    rgb = np.asarray(Image.open(results / "preview.png")).astype(int)
    assert rgb.shape == (960, 1280, 3)
    for border in (rgb[:20], rgb[-20:], rgb[:, :20].swapaxes(0, 1), rgb[:, -20:].swapaxes(0, 1)):
        assert np.ptp(border.reshape(-1, 3), axis=1).max() < 12
        assert border.min() > 190
    hue = rgb - rgb.mean(axis=2, keepdims=True)
    red, green, blue = (hue[..., channel] > 40 for channel in range(3))
    assert red.mean() > 0.05
    assert green.mean() > 0.1
    assert blue.mean() < 0.001
    assert np.argwhere(red)[:, 0].mean() < np.argwhere(green)[:, 0].mean()
    assert np.ptp(np.argwhere(red | green)[:, 1]) > 0.6 * 1280


@pytest.mark.parametrize("cameras", [0, 1, 2])
def test_a_view_is_found_with_few_cameras(cameras: int) -> None:
    """Whatever the number of cameras, all of the model is before the preview's."""
    model = placed(house(cameras))
    view = viewpoint(model)
    inside = model.vertices @ view.r.T + view.t
    xy = (inside @ view.k.T)[:, :2] / inside[:, 2:]
    assert (inside[:, 2] > 0).all()
    assert ((xy > 0) & (xy < (view.width, view.height))).all()
    assert max(np.ptp(xy, axis=0) / (view.width, view.height)) > 0.8


def test_model_seen_from_all_around_faces_its_first_camera() -> None:
    """Where no side is preferred, the first photograph's is the front."""
    model = house()
    ring = []
    for index in range(8):
        turn = trimesh.transformations.rotation_matrix(np.pi / 4 * index + 2.0, model.up)[:3, :3]
        middle = middle_of(model)
        camera = model.cameras[2]
        center = turn @ (camera.center - middle) + middle
        ring.append(replace(camera, r=camera.r @ turn.T, t=-(camera.r @ turn.T) @ center))
    stood = placed(replace(model, cameras=tuple(ring)))
    away = stood.cameras[0].center - middle_of(stood)
    assert np.degrees(np.arctan2(away[0], away[2])) == pytest.approx(0, abs=0.1)


def test_cameras_move_with_the_model() -> None:
    """After placing, each camera still sees each corner at the same pixel (but for the scale, which stays)."""
    model = house()
    stood = placed(model)
    used = np.unique(model.faces[:FACES])
    for before, after in zip(model.cameras, stood.cameras, strict=True):
        one = (model.vertices[used] @ before.r.T + before.t) @ before.k.T
        other = (stood.vertices @ after.r.T + after.t) @ after.k.T
        assert np.allclose(one, other, atol=1e-9)


def test_preview_of_a_model_from_below_is_possible() -> None:
    """A degenerate up direction, along the line of sight, ends in a picture all the same."""
    model = house()
    rgb = preview(placed(replace(model, up=model.vertices.mean(axis=0) - model.cameras[2].center)), (160, 120))
    assert rgb.shape == (120, 160, 3)


def test_large_textures_are_made_smaller_for_graphics_cards(tmp_path: Path) -> None:
    """The GLB's and the OBJ's texture has at most 8192 pixels along a side; the front-end's PNG keeps all."""
    model = house()
    large = np.asarray(Image.fromarray(model.texture).resize((9000, 64), Image.Resampling.NEAREST))
    replace(model, texture=large).save(tmp_path)
    export(tmp_path, lambda _done, _total: None)
    assert Image.open(tmp_path / "results/model.jpg").size == (8192, 58)
    assert Image.open(tmp_path / "results/scene_dense_mesh_texture.png").size == (9000, 64)
    check_upright_house(trimesh.load(tmp_path / "results/model.obj", force="mesh", process=False))


def test_model_without_faces_is_refused(tmp_path: Path) -> None:
    """Nothing but faces without area: the step fails with that reason, and no results are left."""
    model = house()
    replace(model, faces=np.array([[0, 0, 1]]), uv_faces=np.array([[0, 1, 2]])).save(tmp_path)
    with pytest.raises(StepFailed) as caught:
        export(tmp_path, lambda _done, _total: None)
    assert caught.value.code == "no-surface"
    assert not (tmp_path / "results").exists()


def test_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """When writing fails in the middle, the old file stays and nothing half-written lies about."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with whole(path) as stream:
            stream.write(b"half of the n")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_command_tells_progress_and_result(tmp_path: Path) -> None:
    """On the node it is a program: a line for each file, exit code 0."""
    house().save(tmp_path)
    command = [sys.executable, "-m", "naomesh.engines.export"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    told = [progress_in(line) for line in ended.stdout.splitlines()]
    assert [(step.done, step.total) for step in told if step] == [(i, len(FILES)) for i in range(1, len(FILES) + 1)]


def test_command_tells_errors_in_one_line(tmp_path: Path) -> None:
    """Without a model it says so in one line, without a traceback."""
    command = [sys.executable, "-m", "naomesh.engines.export"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    error = error_in(ended.stdout.splitlines()[-1])
    assert isinstance(error, StepFailed)
    assert (error.code, ended.returncode, ended.stderr) == ("step-failed", 5, "")


@pytest.mark.parametrize(
    ("failure", "code"), [(OSError(errno.ENOSPC, "No space left"), "disk-full"), (MemoryError(), "out-of-memory")]
)
def test_full_disk_or_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: Exception, code: str
) -> None:
    """A machine that ran full is the reason, and is told as such."""

    def fail(folder: Path) -> TexturedMesh:
        raise failure

    house().save(tmp_path)
    monkeypatch.setattr(TexturedMesh, "load", fail)
    monkeypatch.chdir(tmp_path)
    assert __main__.main() == 4
    error = error_in(capsys.readouterr().out.splitlines()[-1])
    assert error is not None
    assert error.code == code
