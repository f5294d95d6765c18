"""The rasteriser: every pixel shows the nearest face, at its true place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh

from naomesh.engines.mesh import Camera, TexturedMesh
from naomesh.engines.render import draw, draw_shaded, look_at, rasterise, sample, scaled, vertex_normals

Array = np.ndarray[Any, np.dtype[Any]]


def camera(width: int = 60, height: int = 40, center: tuple[float, float, float] = (0.3, -4.0, 0.7)) -> Camera:
    """A camera that looks at the origin, Z up."""
    r, t = look_at(np.array(center), np.zeros(3), np.array([0.0, 0.0, 1.0]))
    k = np.array([[1.2 * width, 0, width / 2], [0, 1.2 * width, height / 2], [0, 0, 1]])
    return Camera("view", k, r, t, width, height)


def straight(width: int, height: int) -> Camera:
    """A camera at the origin that looks along +Z, one unit at depth 1 being one pixel."""
    return Camera("view", np.eye(3), np.eye(3), np.zeros(3), width, height)


def project(points: Array, view: Camera) -> Array:
    """Pixel positions and depth (N, 3)."""
    inside = points @ view.r.T + view.t
    return np.column_stack([(inside @ view.k.T)[:, :2] / inside[:, 2:], inside[:, 2]])


def test_fragments_lie_where_they_are_seen() -> None:
    """The surface point of each fragment projects to the centre of its pixel, at the depth that it says."""
    ball, view = trimesh.creation.icosphere(subdivisions=4), camera()
    seen = rasterise(ball.vertices, ball.faces, view)
    at = project(seen.interpolate(ball.vertices, ball.faces), view)
    centres = np.column_stack([seen.pixels % view.width, seen.pixels // view.width]) + 0.5
    assert np.abs(at[:, :2] - centres).max() < 1e-8
    assert np.abs(at[:, 2] - seen.depth).max() < 1e-8
    assert len(np.unique(seen.pixels)) == len(seen.pixels)


def test_against_every_triangle_at_every_pixel() -> None:
    """On random triangles, large, small and piercing each other, the picture is the one that brute force finds."""
    rng = np.random.default_rng(3)
    view = straight(24, 16)
    for _ in range(20):
        size = rng.choice([0.5, 3.0, 30.0], (12, 1, 1))
        corners = rng.uniform(-4, 28, (12, 1, 2)) + rng.normal(0, 1, (12, 3, 2)) * size
        depth = rng.uniform(1, 5, (12, 3, 1))
        vertices = np.concatenate([corners * depth, depth], axis=2).reshape(-1, 3)
        faces = np.arange(36).reshape(-1, 3)
        seen = rasterise(vertices, faces, view)
        drawn = np.full(24 * 16, -1)
        drawn[seen.pixels] = seen.faces
        assert (drawn == brute_force(corners, depth[..., 0], 24, 16)).all()


def brute_force(corners: Array, depth: Array, width: int, height: int) -> Array:
    """The nearest of the triangles at each pixel centre, -1 where there is none."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    nearest, found = np.zeros((height, width)), np.full((height, width), -1)
    for index, ((a, b, c), z) in enumerate(zip(corners, depth, strict=True)):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        wb = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
        wc = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
        wa = 1 - wb - wc
        inverse = wa / z[0] + wb / z[1] + wc / z[2]
        wins = (wa >= 0) & (wb >= 0) & (wc >= 0) & (inverse > nearest)
        nearest[wins], found[wins] = inverse[wins], index
    return found.ravel()


def test_neighbouring_faces_leave_no_crack() -> None:
    """A wall of thousands of slanted triangles covers every pixel before it."""
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.linspace(-5, 45, 70), np.linspace(-5, 35, 60))
    x[1:-1, 1:-1] += rng.uniform(-0.2, 0.2, (58, 68))
    y[1:-1, 1:-1] += rng.uniform(-0.2, 0.2, (58, 68))
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    vertices = np.column_stack([x.ravel(), y.ravel(), np.ones(x.size)]) * rng.uniform(0.9, 1.1, (x.size, 1))
    assert len(rasterise(vertices, faces, straight(40, 30)).pixels) == 40 * 30


def test_what_cannot_be_seen_is_not_drawn() -> None:
    """Faces behind the camera, beside the picture, without area or with infinite corners leave it empty."""
    vertices = np.array(
        [[0, 0, -1], [9, 0, -1], [0, 9, -1], [90, 0, 1], [99, 0, 1], [90, 9, 1], [1, 1, 1], [np.nan, 4, 1], [2, 3, 0]]
    )
    faces = np.array([[0, 1, 2], [3, 4, 5], [6, 6, 6], [6, 7, 3], [6, 3, 8], [6, 3, 6]])
    assert len(rasterise(vertices, faces, straight(10, 10)).pixels) == 0


def test_scaled_camera_sees_the_same() -> None:
    """Twice the pixels, the same rays."""
    view = camera()
    points = np.random.default_rng(0).normal(0, 1, (50, 3))
    fine = scaled(view, 2)
    assert (fine.width, fine.height) == (120, 80)
    assert np.abs(project(points, fine)[:, :2] - 2 * project(points, view)[:, :2]).max() < 1e-9


def test_samples_are_exact_between_pixels() -> None:
    """Bilinear sampling follows a slope exactly, to any fraction of a pixel, and stops at the border."""
    y, x = np.mgrid[0:20, 0:30].astype(float)
    image = np.stack([2 * x + 3 * y, x * 0 + 7], axis=2)
    at_x, at_y = np.random.default_rng(0).uniform(0, 19, (2, 500))
    assert np.abs(sample(image, at_x, at_y)[:, 0] - (2 * at_x + 3 * at_y)).max() < 1e-4
    assert sample(image, np.array([-5.0, 99.0]), np.array([0.0, 99.0]))[:, 0].tolist() == [0, 2 * 29 + 3 * 19]
    assert sample(image[:1, :1], np.array([0.5]), np.array([3.0])).tolist() == [[0, 7]]


def wall(texture: Array) -> TexturedMesh:
    """A textured rectangle that fills the picture of `straight(8, 6)` but for its right half."""
    vertices = np.array([[0, 0, 1], [4, 0, 1], [4, 6, 1], [0, 6, 1]], dtype=float)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return TexturedMesh(vertices, faces, uv, faces, texture, np.array([0.0, -1.0, 0.0]))


def test_texture_stands_upright() -> None:
    """The origin of texture coordinates is the lower left, as in OBJ: what is above in the texture is above here."""
    texture = np.zeros((6, 4, 3), dtype=np.uint8)
    texture[:3] = (200, 0, 0)
    texture[3:, 2:] = (0, 0, 90)
    picture = draw(wall(texture), straight(8, 6), background=(9, 9, 9))
    assert (picture.rgb[:, :4] == texture).all()
    assert (picture.rgb[:, 4:] == 9).all()
    assert (picture.covered == [[1, 1, 1, 1, 0, 0, 0, 0]] * 6).all()


def test_oversampling_softens_borders() -> None:
    """A pixel that is covered by half is half covered, and half background."""
    model = wall(np.full((4, 4, 3), 100, dtype=np.uint8))
    model.vertices[1:3, 0] = 3.5
    picture = draw(model, straight(8, 6), background=(200, 200, 200), oversample=2)
    assert picture.covered[3].tolist() == [1, 1, 1, 0.5, 0, 0, 0, 0]
    assert picture.rgb[3, 3].tolist() == [150, 150, 150]


def test_shading_shows_the_form() -> None:
    """The side towards the light is brighter than the side away from it."""
    ball = trimesh.creation.icosphere(subdivisions=3)
    model = TexturedMesh(
        ball.vertices,
        ball.faces,
        np.zeros((1, 2)),
        ball.faces * 0,
        np.zeros((1, 1, 3), np.uint8),
        np.array([0, 0, 1.0]),
    )
    grey = draw_shaded(model, camera()).rgb[..., 0].astype(int)
    assert grey[12, 22] > grey[28, 38] + 60


def test_vertex_normals_of_a_ball_point_outwards() -> None:
    """The mean of the faces around a corner, weighted by area, is the ball's normal; unused corners have none."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    vertices = np.concatenate([ball.vertices, [[5.0, 5.0, 5.0]]])
    normals = vertex_normals(vertices, ball.faces)
    assert np.abs(normals[:-1] - ball.vertices).max() < 0.01
    assert normals[-1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0)])
def test_look_at_has_up_upwards(up: tuple[float, float, float]) -> None:
    """The target is in the middle of the picture, and what is above it is above."""
    center, target = np.array([1.0, -3.0, 2.0]), np.array([0.2, 0.1, -0.3])
    r, t = look_at(center, target, np.array(up))
    assert np.allclose(r @ r.T, np.eye(3))
    assert np.linalg.det(r) == pytest.approx(1)
    assert np.allclose((r @ target + t)[:2], 0)
    assert (r @ (target + up) + t)[1] < -0.1
