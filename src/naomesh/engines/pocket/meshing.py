"""Step 13: a surface through the cloud (screened Poisson, Kazhdan and Hoppe 2013), without what no point supports.

Poisson's surface is closed: it also bridges what nobody photographed. Faces far from every point are taken away, but
small gaps in the middle of the surface stay bridged, so that the model has no pinholes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from naomesh.engines.base import Facts
from naomesh.engines.mesh import Floats, Ints
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.ply import read_mesh, read_points, write_mesh
from naomesh.engines.pocket.report import StepError
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.scene import cell_size, read_scene
from naomesh.engines.pocket.steps import DENSE, MESH
from naomesh.engines.pocket.topology import components, face_areas, face_pairs, large_components, without_unused

SUPPORT = 4.0 / 640
"""A vertex farther from every point than this share of a picture's longer side, at its distance, was invented."""
LARGEST_BRIDGE = 0.07
"""Of the surface: a gap up to this stays bridged."""
LEAST_COMPONENT = 0.02
"""Smaller islands, as a share of the largest, are dropped."""


def run(run: Run) -> Facts:
    """Write the mesh."""
    raw = Path(MESH).with_name("poisson.part.ply")
    options = pycolmap.PoissonMeshingOptions()
    options.depth = run.preset.poisson_depth
    options.trim = 0.0  # by density; below we trim by distance, which does not empty shallow scenes
    options.color = False
    options.num_threads = 1  # with more, each run gives another surface
    say_progress(0, 3)
    pycolmap.poisson_meshing(DENSE, raw, options)
    say_progress(2, 3)
    vertices, faces = read_mesh(raw)
    raw.unlink()
    reach = SUPPORT * run.preset.depth_px * cell_size(read_scene(), run.preset.depth_px)
    kept = supported(vertices, faces, read_points(Path(DENSE)), reach, run.threads)
    if not len(kept):
        raise StepError("step-no-surface", "No surface could be laid through the measured points.")
    vertices, faces = without_unused(vertices, large_components(kept, len(vertices), LEAST_COMPONENT))
    write_mesh(Path(MESH), vertices, faces)
    say_progress(3, 3)
    return {"vertices": len(vertices), "faces": len(faces)}


def supported(vertices: Floats, faces: Ints, points: Floats, reach: float, threads: int) -> Ints:
    """The faces within `reach` of some point, and those that close small gaps between them."""
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(vertices, distance_upper_bound=reach, workers=threads, eps=0.5)
    close = np.asarray(distance <= reach)
    near = np.asarray(close[faces].all(axis=1))
    far = np.flatnonzero(~near)
    if not near.any() or not len(far):
        return faces[near]
    row = np.full(len(faces), -1, dtype=np.int64)
    row[far] = np.arange(len(far))
    pairs = row[face_pairs(faces)]
    gap = components(len(far), pairs[(pairs >= 0).all(axis=1)])
    areas = face_areas(vertices, faces)
    small = np.bincount(gap, areas[far]) <= LARGEST_BRIDGE * areas[near].sum()
    near[far] = small[gap]
    return faces[near]
