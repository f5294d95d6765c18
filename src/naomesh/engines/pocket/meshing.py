"""Step 13: a surface through the cloud (screened Poisson, Kazhdan and Hoppe 2013), without what no point supports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from naomesh.engines.base import Facts
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.ply import read_mesh, read_points, write_mesh
from naomesh.engines.pocket.report import StepError, say_progress
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.scene import cell_size, read_scene
from naomesh.engines.pocket.steps import DENSE, MESH
from naomesh.engines.pocket.topology import large_components, without_unused

TRIM_BELOW_DEPTH = 3
"""Poisson's surface is cut where the cloud is thinner than at this many levels above the finest; its default empties
shallow scenes."""
SUPPORT_CELLS = 4.0
"""A vertex farther than this from every point was invented."""
LEAST_COMPONENT = 0.02
"""Smaller islands, as a share of the largest, are dropped."""


def run(run: Run) -> Facts:
    """Write the mesh."""
    raw = Path(MESH).with_name("poisson.part.ply")
    options = pycolmap.PoissonMeshingOptions()
    options.depth = run.preset.poisson_depth
    options.trim = run.preset.poisson_depth - TRIM_BELOW_DEPTH
    options.color = False
    options.num_threads = 1  # with more, each run gives another surface
    say_progress(0, 3)
    pycolmap.poisson_meshing(DENSE, raw, options)
    say_progress(2, 3)
    vertices, faces = read_mesh(raw)
    raw.unlink()
    reach = SUPPORT_CELLS * cell_size(read_scene(), run.preset.depth_px)
    tree = cKDTree(read_points(Path(DENSE)), balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(vertices, distance_upper_bound=reach, workers=run.threads, eps=0.5)
    near = np.asarray(distance <= reach)
    kept = faces[near[faces].all(axis=1)]
    if not len(kept):
        raise StepError("no-surface", "No surface could be laid through the measured points.")
    vertices, faces = without_unused(vertices, large_components(kept, len(vertices), LEAST_COMPONENT))
    write_mesh(Path(MESH), vertices, faces)
    say_progress(3, 3)
    return {"vertices": len(vertices), "faces": len(faces)}
