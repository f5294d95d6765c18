"""Step 14: the mesh moved onto the depth maps, then simplified.

Poisson's surface is smooth and a little inside where it bends; the depth maps know better, each with noise. So each
vertex goes first to the mean of its neighbours, and then along its normal to the weighted mean of what the views that
see it measured there, with the moves (not the positions) averaged over neighbours, which keeps the folds. Then edges
are collapsed where the surface is flat (quadric error, Garland and Heckbert 1997).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.base import Facts
from naomesh.engines.mesh import Floats, Ints
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.depthmap import DepthMap, read_depth
from naomesh.engines.pocket.ply import read_mesh, write_mesh
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.scene import cell_size, read_scene
from naomesh.engines.pocket.steps import MESH, REFINED
from naomesh.engines.pocket.topology import large_components, neighbour_mean, vertex_normals, without_unused

REACH_CELLS = 3.0
"""A depth map farther than this from a vertex sees something else."""
FLATTEST_COSINE = 0.3
FEWEST_VIEWS = 2
LEAST_COMPONENT = 0.02


def run(run: Run) -> Facts:
    """Write the refined mesh."""
    scene = read_scene()
    vertices, faces = read_mesh(Path(MESH))
    cell = cell_size(scene, run.preset.depth_px)
    maps = [one for one in map(read_depth, scene.cameras) if one is not None]
    smooth = neighbour_mean(faces, len(vertices))
    moved = np.zeros(len(vertices))
    total = run.preset.rounds * len(maps) + 1
    for turn in range(run.preset.rounds):
        # Takes out the waves of the surface reconstruction, which the moves, being averaged, cannot.
        for _ in range(run.preset.relaxing):
            vertices = smooth @ vertices
        normals = vertex_normals(vertices, faces)
        moves = np.zeros(len(vertices))
        weights = np.zeros(len(vertices))
        views = np.zeros(len(vertices), dtype=np.int32)
        for done, one in enumerate(maps, start=1):
            rows, move, weight = measured_moves(vertices, normals, one, REACH_CELLS * cell)
            moves[rows] += weight * move
            weights[rows] += weight
            views[rows] += 1
            say_progress(turn * len(maps) + done, total)
        move = np.where(views >= FEWEST_VIEWS, moves / np.maximum(weights, 1e-30), 0)
        for _ in range(run.preset.smoothing):
            move = smooth @ move
        vertices = vertices + normals * move[:, None]
        moved += move
    write_mesh(Path(REFINED), *_simplified(vertices, faces, run))
    say_progress(total, total)
    _, finished = read_mesh(Path(REFINED))
    return {
        "faces_before": len(faces),
        "faces": len(finished),
        "moved_cells": round(float(np.abs(moved).mean()) / cell, 4),
    }


def measured_moves(
    vertices: Floats, normals: Floats, seen: DepthMap, reach: float
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The vertices (rows) that a depth map measures, how far along its normal each should go, and with what weight."""
    camera = seen.camera
    inside = vertices @ camera.r.T + camera.t
    towards = camera.center - vertices
    distance = np.linalg.norm(towards, axis=1)
    cosine = (towards * normals).sum(axis=1) / distance
    z = np.maximum(inside[:, 2], 1e-9)
    x = camera.k[0, 0] * inside[:, 0] / z + camera.k[0, 2] - 0.5
    y = camera.k[1, 1] * inside[:, 1] / z + camera.k[1, 2] - 0.5
    good = (inside[:, 2] > 0) & (cosine > FLATTEST_COSINE)
    good &= (x >= 0) & (y >= 0) & (x < camera.width - 1) & (y < camera.height - 1)
    rows = np.flatnonzero(good)
    depth = _bilinear(seen.depth, x[rows], y[rows], reach)
    # The surface lies farther or nearer along the ray; along the normal that is less, by the cosine.
    along_ray = (depth - z[rows]) * distance[rows] / z[rows]
    move = -along_ray * cosine[rows]
    near = np.isfinite(move) & (np.abs(along_ray) < reach)
    rows, move = rows[near], move[near]
    return rows, move, (cosine[rows] * camera.k[0, 0] / z[rows]) ** 2


def _bilinear(depth: NDArray[np.float32], x: Floats, y: Floats, reach: float) -> Floats:
    """Depth between four pixels; NaN where one of them has none or they lie on two sides of an edge."""
    left, top = x.astype(np.intp), y.astype(np.intp)
    fx, fy = x - left, y - top
    corners = np.stack([depth[top + i, left + j] for i in (0, 1) for j in (0, 1)]).astype(np.float64)
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
    whole = (corners.min(axis=0) > 0) & (np.ptp(corners, axis=0) < 2 * reach)
    return np.where(whole, (corners * weights).sum(axis=0), np.nan)


def _simplified(vertices: Floats, faces: Ints, run: Run) -> tuple[Floats, Ints]:
    if len(faces) > run.preset.faces:
        source, target = Path(REFINED).with_name("moved.part.ply"), Path(REFINED).with_name("simple.part.ply")
        write_mesh(source, vertices, faces)
        options = pycolmap.MeshSimplificationOptions()
        options.target_face_ratio = run.preset.faces / len(faces)
        options.interpolate_colors = False
        options.num_threads = run.threads
        pycolmap.simplify_mesh(source, target, options)
        vertices, faces = read_mesh(target)
        source.unlink()
        target.unlink()
    a, b, c = (faces[:, corner] for corner in range(3))
    faces = faces[(a != b) & (b != c) & (c != a)]
    return without_unused(vertices, large_components(faces, len(vertices), LEAST_COMPONENT))
