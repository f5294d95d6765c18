"""The known scene, its photographs, and the measure of what is made of them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from naomesh.engines.mesh import Camera, TexturedMesh
from naomesh.engines.photos import survey
from naomesh.engines.render import vertex_normals
from naomesh.sample import sample_photos
from naomesh.testing import scene
from naomesh.testing.measure import Accuracy, Surface, align, psnr_db
from naomesh.testing.measure import measure as measure_well
from naomesh.testing.scene import Truth

Array = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(scope="module")
def truth() -> Truth:
    """The scene behind the sample photographs."""
    return scene.truth()


def test_scene_has_the_promised_size(truth: Truth) -> None:
    """The object is 2.5 high, and stands in a scene 4.8 wide."""
    thing = truth.vertices[np.unique(truth.faces[: truth.object_faces])]
    assert np.ptp(thing[:, 2]) == pytest.approx(2.5, abs=0.01)
    assert np.ptp(truth.vertices[:, 0]) == pytest.approx(4.8, abs=0.01)


def test_scene_is_one_clean_surface(truth: Truth) -> None:
    """Every edge has two faces but for the rim, all faces look outwards, none is degenerate."""
    mesh = trimesh.Trimesh(truth.vertices, truth.faces, process=False)
    assert mesh.is_winding_consistent
    assert mesh.body_count == 1
    assert mesh.area_faces.min() > 0
    edges, uses = np.unique(mesh.edges_sorted, axis=0, return_counts=True)
    rim = edges[uses == 1]
    assert (np.linalg.norm(truth.vertices[rim.ravel(), :2], axis=1) > 2.39).all()
    assert uses.max() == 2
    ground = mesh.face_normals[truth.object_faces :]
    assert (ground[:, 2] > 0.9).all()


def test_scene_is_smooth(truth: Truth) -> None:
    """Neighbouring faces turn so little that a normal means something: 95 % by less than 8 degrees."""
    mesh = trimesh.Trimesh(truth.vertices, truth.faces, process=False)
    assert np.degrees(np.percentile(mesh.face_adjacency_angles, 95)) < 8


def test_cameras_see_the_whole_object(truth: Truth) -> None:
    """No photograph cuts off the onion, and they stand as far and as high as the figures suppose."""
    thing = truth.vertices[np.unique(truth.faces[: truth.object_faces])]
    for index, camera in enumerate(truth.cameras):
        xy = (thing @ camera.r.T + camera.t) @ camera.k.T
        xy = xy[:, :2] / xy[:, 2:]
        assert ((xy > 0) & (xy < (camera.width, camera.height))).all(axis=1).mean() > 0.97
        away = camera.center - (0, 0, 0.6)
        assert np.linalg.norm(away) == pytest.approx(5.6, abs=0.5)
        elevation = np.degrees(np.arcsin(away[2] / np.linalg.norm(away)))
        assert elevation == pytest.approx(38 if index % 2 else 22, abs=4)


def test_sample_photographs_are_what_the_generator_makes(truth: Truth) -> None:
    """The shipped photographs are those of the known scene: anybody can make them again."""
    model = scene.painted(640)
    paths = sorted(sample_photos().glob("*.jpg"))
    assert [path.name for path in paths] == [camera.name for camera in truth.cameras]
    for index in (0, 7, 22):
        rgb = scene.photograph(model, truth.cameras[index], np.random.default_rng((scene.SEED, index)))
        again = np.asarray(Image.open(io.BytesIO(scene.encoded(rgb))).convert("RGB")).astype(int)
        assert np.abs(again - np.asarray(Image.open(paths[index]).convert("RGB"))).mean() < 1.0


def test_sample_photographs_are_good_photographs() -> None:
    """24 of one size, with a focal length, in less than two megabytes."""
    found = survey(sample_photos())
    assert (len(found.usable), len(found.left_out)) == (24, 0)
    assert {(photo.width, photo.height) for photo in found.usable} == {(640, 480)}
    assert all(abs((photo.focal_px or 0) / (1.15 * 640) - 1) < 0.02 for photo in found.usable)
    assert sum(path.stat().st_size for path in found.paths) < 2_000_000


def test_photographs_can_be_made_in_any_number_and_size(tmp_path: Path) -> None:
    """Views, size and seed are free; the same seed gives the same files, another one other cameras."""
    made = scene.photograph_all(tmp_path / "a", views=3, size=(160, 120), seed=1)
    scene.photograph_all(tmp_path / "b", views=3, size=(160, 120), seed=1)
    assert [camera.name for camera in made.cameras] == sorted(path.name for path in (tmp_path / "a").iterdir())
    for camera in made.cameras:
        assert (tmp_path / "a" / camera.name).read_bytes() == (tmp_path / "b" / camera.name).read_bytes()
    assert not np.allclose(made.cameras[0].t, scene.truth(3, (160, 120), seed=2).cameras[0].t)
    with Image.open(tmp_path / "a" / "view_00.jpg") as image:
        assert image.size == (160, 120)


@pytest.fixture(scope="module")
def small() -> Truth:
    """A ball on a ground, seen by a ring of cameras: the measure knows nothing of onions."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    x, y = np.meshgrid(np.linspace(-2, 2, 20), np.linspace(-2, 2, 20))
    index = np.arange(400).reshape(20, 20)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    ground = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]) + len(ball.vertices)
    plane = np.column_stack([x.ravel(), y.ravel(), np.full(400, -1.0)])
    cameras = scene.truth(6, (160, 120)).cameras
    vertices, faces = np.concatenate([ball.vertices, plane]), np.concatenate([ball.faces, ground])
    return Truth(vertices, faces, len(ball.faces), 2.0, cameras)


def rebuilt(truth: Truth, vertices: Array | None = None, faces: Array | None = None) -> TexturedMesh:
    """A model with the truth's cameras."""
    faces = truth.faces if faces is None else faces
    vertices = truth.vertices if vertices is None else vertices
    plain = np.zeros((1, 1, 3), dtype=np.uint8)
    return TexturedMesh(vertices, faces, np.zeros((1, 2)), faces * 0, plain, scene.UP, truth.cameras)


def measure(model: TexturedMesh, truth: Truth, names: dict[str, str] | None = None) -> Accuracy:
    """The measure with fewer points: quicker, and good enough for what is tested here."""
    return measure_well(model, truth, names, samples=8000)


def moved(model: TexturedMesh) -> TexturedMesh:
    """The same model in another frame, seven times as large: a reconstruction knows neither place nor scale."""
    rotation = np.linalg.qr(np.random.default_rng(2).normal(0, 1, (3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    shift = np.array([3.0, -2.0, 11.0])
    cameras = []
    for camera in model.cameras:
        r = camera.r @ rotation.T
        cameras.append(replace(camera, r=r, t=-r @ (7 * rotation @ camera.center + shift)))
    return replace(model, vertices=7 * model.vertices @ rotation.T + shift, cameras=tuple(cameras))


def test_truth_itself_is_without_error(small: Truth) -> None:
    """The truth, laid anywhere at any scale, measures as perfect."""
    found = measure(moved(rebuilt(small)), small)
    assert (found.registered, found.photos) == (6, 6)
    assert found.camera_rmse_percent < 1e-9
    assert found.p90_percent < 1e-9
    assert found.normals_deg < 1e-4
    assert (found.coverage, found.visible_coverage, found.f1) == (1, 1, 1)


def test_a_surface_too_high_by_half_a_percent_measures_half_a_percent(small: Truth) -> None:
    """Distances are exact: no floor from sampling, no matter how coarse the triangles are."""
    raised = small.vertices + 0.005 * small.height * vertex_normals(small.vertices, small.faces)
    found = measure(moved(rebuilt(small, raised)), small)
    assert found.median_percent == pytest.approx(0.5, rel=0.03)
    assert found.p90_percent == pytest.approx(0.5, rel=0.03)
    assert found.coverage == 1


def test_ripples_show_in_the_normals(small: Truth) -> None:
    """A surface that is right in place and wrong in slope is told by its normals."""
    rough = small.vertices + np.random.default_rng(0).normal(0, 0.008, small.vertices.shape)
    found = measure(rebuilt(small, rough), small)
    assert found.median_percent < 0.5
    assert found.normals_deg > 2


def test_what_is_missing_lowers_coverage_and_f1(small: Truth) -> None:
    """Without its upper half half of the ball is covered; what is there is still right."""
    kept = small.vertices[small.faces][..., 2].mean(axis=1) < 0
    found = measure(rebuilt(small, faces=small.faces[kept]), small)
    assert found.coverage == pytest.approx(0.5, abs=0.02)
    assert found.median_percent < 1e-9
    assert 0.7 < found.f1 < 0.95


def test_a_camera_that_is_placed_wrongly_is_told(small: Truth) -> None:
    """One camera off by a tenth of the height raises the cameras' error and nothing else is hidden by it."""
    model = rebuilt(small)
    wrong = replace(model.cameras[0], t=model.cameras[0].t + np.array([0.2, 0, 0]))
    found = measure(replace(model, cameras=(wrong, *model.cameras[1:])), small)
    assert 2 < found.camera_rmse_percent < 6


def test_cameras_are_matched_by_name(small: Truth) -> None:
    """The order does not matter; names given by the preparation are translated back; too few matches are refused."""
    model = rebuilt(small)
    renamed = tuple(replace(camera, name=f"{i:05d}.jpg") for i, camera in enumerate(model.cameras))[::-1]
    names = {f"{i:05d}.jpg": camera.name for i, camera in enumerate(model.cameras)}
    assert measure(replace(model, cameras=renamed), small, names).p90_percent < 1e-9
    assert measure(replace(model, cameras=model.cameras[2:]), small).registered == 4
    with pytest.raises(ValueError, match="0 of 6 cameras"):
        measure(replace(model, cameras=renamed), small)


def test_alignment_never_mirrors() -> None:
    """The best similarity onto a mirror image is a rotation all the same."""
    points = np.random.default_rng(0).normal(0, 1, (20, 3))
    assert np.linalg.det(align(points, points * (1, 1, -1)).rotation) == pytest.approx(1)


def test_nearest_point_of_large_triangles_is_exact() -> None:
    """Distances to triangles are to their insides, not to samples of them."""
    surface = Surface(np.array([[0, 0, 0], [50, 0, 0], [0, 50, 0]], dtype=float), np.array([[0, 1, 2]]))
    distance, face, normal = surface.nearest(np.array([[7.3, 9.1, 0.25], [-3.0, -4.0, 0.0]]))
    assert distance == pytest.approx([0.25, 5.0])
    assert face.tolist() == [0, 0]
    assert normal[0].tolist() == [0, 0, 1]


def test_psnr_is_that_of_the_difference() -> None:
    """A model that is ten of 255 steps too dark all over agrees at 28.13 dB; what it does not cover does not count."""
    vertices = np.array([[-9, -9, 1], [40, -9, 1], [40, 99, 1], [-9, 99, 1]], dtype=float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    grey = np.full((2, 2, 3), 100, dtype=np.uint8)
    view = Camera("a.jpg", np.eye(3), np.eye(3), np.zeros(3), 64, 48)
    other = replace(view, name="not there.jpg")
    model = TexturedMesh(vertices, faces, np.zeros((4, 2)), faces, grey, np.array([0, -1.0, 0]), (view, other))
    photo = np.full((48, 64, 3), 110, dtype=np.uint8)
    photo[:, 41:] = 0
    assert psnr_db(model, {"a.jpg": photo}) == pytest.approx(28.13, abs=0.01)
    with pytest.raises(ValueError, match="no photograph"):
        psnr_db(model, {})


def test_psnr_of_the_true_model_is_limited_by_the_photographs_alone(truth: Truth) -> None:
    """The known scene drawn from its own cameras agrees with its photographs up to their noise: 35 dB and more."""
    model = replace(scene.painted(640), cameras=truth.cameras[:2])
    assert psnr_db(model, sample_photos()) > 35
