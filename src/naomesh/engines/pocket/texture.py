"""Step 15: a texture from the photographs: the best one for each face, evened in exposure, in one atlas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from naomesh.engines.base import Facts
from naomesh.engines.mesh import Camera, Floats, Ints, TexturedMesh
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.atlas import lay_out, make_charts, paint
from naomesh.engines.pocket.colours import spread_colours, view_gains
from naomesh.engines.pocket.labels import choose_views
from naomesh.engines.pocket.ply import read_mesh
from naomesh.engines.pocket.report import StepError
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.scene import read_rgb, read_scene
from naomesh.engines.pocket.steps import REFINED
from naomesh.engines.pocket.topology import face_pairs
from naomesh.engines.pocket.upright import up_direction
from naomesh.engines.pocket.visibility import candidates, project


def run(run: Run) -> Facts:
    """Write textured.npz and textured.png."""
    cameras = read_scene().cameras
    total = 3 * len(cameras)
    vertices, faces = read_mesh(Path(REFINED))
    best = candidates(vertices, faces, cameras, run.threads, lambda done: say_progress(done, total))
    pairs = face_pairs(faces)
    chosen = choose_views(best, pairs)
    if (chosen < 0).all():
        raise StepError("step-no-surface", "No photo shows any part of the surface.")
    gains = view_gains(vertices, faces, best, _counted(cameras, len(cameras), total), read_rgb)
    corners = _corners(vertices, faces, chosen, cameras)
    charts = make_charts(chosen, pairs, corners, np.array([(camera.width, camera.height) for camera in cameras]))
    unseen = np.flatnonzero(chosen < 0)
    layout = lay_out(charts, len(unseen), run.preset.atlas_px)
    last = _counted(cameras, 2 * len(cameras), total)
    texture = paint(charts, layout, ((index, read_rgb(camera) * gains[index]) for index, camera in last))
    positions = layout.of_charts(charts, corners)
    if len(unseen):
        seen = np.flatnonzero(chosen >= 0)
        colours = layout.colours_at(texture, positions[seen].mean(axis=1))
        spread = spread_colours(faces, len(vertices), seen, colours)
        positions[unseen] = layout.paint_plain(texture, spread[faces[unseen]].mean(axis=1))
    uv, uv_faces = _shared_corners(faces, np.where(chosen < 0, -1 - np.arange(len(faces)), charts.of_face), positions)
    height, width = texture.shape[:2]
    uv = np.stack([uv[:, 0] / width, 1 - uv[:, 1] / height], axis=1)
    model = TexturedMesh(vertices, faces, uv, uv_faces, texture, up_direction(cameras), cameras)
    model.save(Path())
    return {
        "faces": len(faces),
        "vertices": len(vertices),
        "charts": len(charts.view),
        "unseen_faces": len(unseen),
        "texture_width": width,
        "texture_height": height,
    }


def _counted(cameras: tuple[Camera, ...], before: int, total: int) -> Iterator[tuple[int, Camera]]:
    """The cameras with their numbers; progress is told as they are used up."""
    for index, camera in enumerate(cameras):
        yield index, camera
        say_progress(before + index + 1, total)


def _corners(vertices: Floats, faces: Ints, chosen: Ints, cameras: tuple[Camera, ...]) -> Floats:
    """Where each face lies in its photograph: (F, 3, 2); zeros where it has none."""
    corners = np.zeros((len(faces), 3, 2))
    for index, camera in enumerate(cameras):
        rows = np.flatnonzero(chosen == index)
        corners[rows] = project(vertices, camera)[0][faces[rows]]
    return corners


def _shared_corners(faces: Ints, chart: Ints, positions: Floats) -> tuple[Floats, Ints]:
    """Texture positions (T, 2), shared by the faces of a chart around a vertex, and indices into them (F, 3)."""
    low = chart.min()
    key = faces.astype(np.int64) * (chart.max() - low + 1) + (chart - low)[:, None]
    _, first, index = np.unique(key.ravel(), return_index=True, return_inverse=True)
    return positions.reshape(-1, 2)[first], index.reshape(-1, 3)
