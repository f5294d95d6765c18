"""The pocket engine's parts, each on a case whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from naomesh.engines.mesh import Camera
from naomesh.engines.pocket.atlas import pack
from naomesh.engines.pocket.depthmap import DepthMap
from naomesh.engines.pocket.fusion import Cloud, mean_depth, thinned
from naomesh.engines.pocket.labels import choose_views
from naomesh.engines.pocket.meshing import supported
from naomesh.engines.pocket.pairs import SUCCESSORS, likely_pairs
from naomesh.engines.pocket.ply import read_mesh, read_points, write_cloud, write_mesh
from naomesh.engines.pocket.sgm import best_planes
from naomesh.engines.pocket.topology import components, face_pairs, large_components, vertex_normals
from naomesh.engines.pocket.upright import up_direction
from naomesh.engines.pocket.visibility import Candidates
from naomesh.engines.render import look_at

UP = np.array([0.0, 0.0, 1.0])
K = np.array([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]])


def camera_at(center: tuple[float, float, float], target: tuple[float, float, float] = (0, 0, 0)) -> Camera:
    """A level camera of 64x48."""
    r, t = look_at(np.array(center), np.array(target), UP)
    return Camera("a", K, r, t, 64, 48)


def rolled(camera: Camera) -> Camera:
    """The same camera, turned by a quarter around its axis."""
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    return Camera(camera.name, K, turn @ camera.r, turn @ camera.t, 64, 48)


def degrees_off(up: np.ndarray) -> float:
    """Between a direction and the true up."""
    return float(np.degrees(np.arccos(np.clip(up @ UP, -1, 1))))


def sheet(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat square of `size` x `size` unit cells, normals up: vertices and faces."""
    x, y = np.meshgrid(np.arange(size + 1.0), np.arange(size + 1.0))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    index = np.arange(x.size).reshape(size + 1, size + 1)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return vertices, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def test_up_of_an_orbit_is_its_axis() -> None:
    """Cameras around an object that all look down at it agree on the axis, however much they are tilted."""
    ring = [camera_at((5 * np.cos(a), 5 * np.sin(a), 3)) for a in np.linspace(0, 5, 12)]
    assert degrees_off(up_direction(tuple(ring))) < 0.5


def test_a_few_rolled_cameras_do_not_turn_the_model() -> None:
    """Two photographs of twelve that were taken on edge change nothing."""
    ring = [camera_at((5 * np.cos(a), 5 * np.sin(a), 3)) for a in np.linspace(0, 5, 12)]
    mixed = (*ring[:4], rolled(ring[4]), *ring[5:9], rolled(ring[9]), *ring[10:])
    assert degrees_off(up_direction(mixed)) < 2.0


def test_up_before_a_wall_is_the_pictures_own() -> None:
    """Where all cameras look the same way, their mean up direction decides."""
    row = tuple(camera_at((x, -5, 0.1 * x), (x, 0, 0.1 * x)) for x in np.linspace(-1, 1, 7))
    assert degrees_off(up_direction(row)) < 1.0


def test_packed_boxes_do_not_overlap() -> None:
    """Every texel of the atlas belongs to one box at most, and every box lies inside."""
    sizes = np.random.default_rng(1).integers(1, 40, (200, 2))
    places, (width, height) = pack(sizes)
    used = np.zeros((height, width), dtype=int)
    for (x, y), (wide, high) in zip(places, sizes, strict=True):
        assert x + wide <= width
        assert y + high <= height
        used[y : y + high, x : x + wide] += 1
    assert used.max() == 1
    assert used.sum() > 0.7 * width * height


def test_a_mesh_survives_its_file(tmp_path: Path) -> None:
    """What is written is read back, to the precision of the format."""
    vertices, faces = sheet(3)
    write_mesh(tmp_path / "mesh.ply", vertices + 0.1, faces)
    again, same = read_mesh(tmp_path / "mesh.ply")
    assert again == pytest.approx(vertices + 0.1, abs=1e-6)
    assert (same == faces).all()


def test_a_cloud_survives_its_file(tmp_path: Path) -> None:
    """Points are found among the other columns."""
    points = np.random.default_rng(2).random((50, 3)).astype(np.float32)
    write_cloud(tmp_path / "cloud.ply", points, -points)
    assert (read_points(tmp_path / "cloud.ply") == points).all()


@pytest.mark.parametrize("kept", [10, 60, -1])
def test_a_damaged_mesh_is_refused(tmp_path: Path, kept: int) -> None:
    """A file that was cut off anywhere is an error, not half a mesh."""
    path = tmp_path / "mesh.ply"
    write_mesh(path, *sheet(3))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"mesh\.ply"):
        read_mesh(path)


def test_small_gaps_are_bridged_and_large_ones_are_not() -> None:
    """Faces without points stay where they close a small gap, and go where nothing was measured."""
    vertices, faces = sheet(40)
    x, y = vertices[:, 0], vertices[:, 1]
    small_gap = (abs(x - 10) < 4) & (abs(y - 10) < 4)
    points = vertices[(x < 30) & ~small_gap]
    kept = supported(vertices, faces, points, 1.5, 1)
    centres = vertices[kept].mean(axis=1)
    assert ((abs(centres[:, 0] - 10) < 1) & (abs(centres[:, 1] - 10) < 1)).any()
    assert centres[:, 0].max() < 32


def test_islands_are_dropped() -> None:
    """Of two pieces the small one goes."""
    vertices, faces = sheet(10)
    island = np.array([[0, 1, 2]]) + len(vertices)
    kept = large_components(np.concatenate([faces, island]), len(vertices) + 3, 0.02)
    assert len(kept) == len(faces)


def test_faces_of_a_sheet_are_one_component_and_look_up() -> None:
    """Neighbours are found across every inner edge; normals follow the faces."""
    vertices, faces = sheet(5)
    pairs = face_pairs(faces)
    assert len(pairs) == (3 * len(faces) - 4 * 5) // 2
    assert components(len(faces), pairs).max() == 0
    assert vertex_normals(vertices, faces) == pytest.approx(np.tile(UP, (len(vertices), 1)))


def test_neighbours_share_a_photo_where_little_is_lost() -> None:
    """A face that another photograph shows hardly better goes with its neighbours."""
    _, faces = sheet(6)
    views = np.tile([0, 1], (len(faces), 1))
    quality = np.tile(np.array([1.0, 0.9], dtype=np.float32), (len(faces), 1))
    quality[10] = 0.9, 1.0
    chosen = choose_views(Candidates(views, quality), face_pairs(faces))
    assert (chosen == 0).all()


def test_a_face_that_nobody_sees_gets_no_photo() -> None:
    """It is told apart by -1."""
    _, faces = sheet(2)
    views = np.zeros((len(faces), 1), dtype=np.int64)
    quality = np.ones((len(faces), 1), dtype=np.float32)
    views[3], quality[3] = -1, 0
    assert choose_views(Candidates(views, quality), face_pairs(faces)).tolist() == [0, 0, 0, -1, 0, 0, 0, 0]


def test_photos_that_look_alike_are_paired() -> None:
    """Each photograph is matched with its successors and with those whose features are the most alike."""
    random = np.random.default_rng(3)
    places = random.random((2, 300, 128)).astype(np.float32) * 255
    features = [places[number % 2] + random.normal(0, 5, (300, 128)).astype(np.float32) for number in range(20)]
    pairs = likely_pairs(features, SUCCESSORS + 3)
    assert {(0, following) for following in range(1, SUCCESSORS + 1)} <= pairs
    distant = [(a, b) for a, b in pairs if b - a > SUCCESSORS]
    assert distant
    assert all((b - a) % 2 == 0 for a, b in distant)


@pytest.mark.parametrize("paths", [4, 8])
def test_semi_global_matching_fills_what_says_nothing(paths: int) -> None:
    """A slanted plane is found to a fraction of a step, also where the costs are all equal."""
    height, width, planes = 30, 40, 16
    truth = 3 + np.tile(np.linspace(0, 8, width), (height, 1))
    costs = np.minimum(np.abs(np.arange(planes)[None, None] - truth[..., None]) * 20, 120).astype(np.uint8)
    costs[10:16, 12:20] = 60
    plane, _ = best_planes(costs, np.full((height, width), 100, np.float32), paths)
    off = np.abs(plane - truth)[2:-2, 2:-2]
    assert np.median(off) < 0.15
    assert off.max() < 1.5


def test_depths_that_agree_are_averaged() -> None:
    """Two views of one wall confirm each other; what stands before the wall in one of them is not confirmed."""
    left, right = camera_at((-0.2, -4, 0), (-0.2, 0, 0)), camera_at((0.2, -4, 0), (0.2, 0, 0))
    near, far = np.full((48, 64), 4.0, np.float32), np.full((48, 64), 4.008, np.float32)
    near[20:28, 30:36] = 3.0
    depth, views = mean_depth(DepthMap(left, near), [DepthMap(right, far)])
    assert (views[:, 20:30] == 1).all()
    assert depth[5, 40] == pytest.approx(4.004, abs=1e-3)
    assert (views[20:28, 30:36] == 0).all()
    assert (views[:, :5] == 0).all()


def test_close_points_become_one() -> None:
    """Each cube of the grid keeps the mean of its points."""
    points = np.array([[0, 0, 0], [0.2, 0, 0], [5, 0, 0]], dtype=np.float32)
    cloud = thinned([Cloud(points, np.tile(UP, (3, 1)).astype(np.float32))], 1.0)
    assert cloud.points.tolist() == [pytest.approx([0.1, 0, 0]), [5, 0, 0]]
    assert cloud.normals == pytest.approx(np.tile(UP, (2, 1)))
