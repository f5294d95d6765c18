"""Step 12: a depth map for each photograph, then one cloud of points that the depth maps agree on."""

from __future__ import annotations

import shutil
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from naomesh.engines.base import Facts
from naomesh.engines.messages import say_progress
from naomesh.engines.pocket.depthmap import DepthMap, compute_depth, read_depth, write_depth
from naomesh.engines.pocket.fusion import Cloud, confirmed_points, thinned
from naomesh.engines.pocket.ply import write_cloud
from naomesh.engines.pocket.presets import Preset
from naomesh.engines.pocket.processes import crew
from naomesh.engines.pocket.report import StepError
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.scene import Scene, cell_size, read_scene
from naomesh.engines.pocket.steps import DENSE, DEPTH

CONFIRMING = 8
"""Neighbours that are asked whether they see the same surface."""
POINT_SPACING = 1.5
"""Of the cloud, in pixels of the depth maps: nearer points are averaged."""
FEWEST_POINTS = 1000
REMEMBERED = 24
"""Depth maps that a process keeps, since neighbours ask for the same ones."""


def run(run: Run) -> Facts:
    """Write the depth maps and the cloud."""
    shutil.rmtree(DEPTH, ignore_errors=True)
    scene = read_scene()
    cameras = range(len(scene.cameras))
    total = 2 * len(cameras)
    jobs = [(index, run.preset) for index in cameras]
    with crew(min(run.threads, len(cameras))) as workers:
        computed = workers.run_all(_depth, jobs, lambda done: say_progress(done, total))
        clouds = workers.run_all(_points, cameras, lambda done: say_progress(len(cameras) + done, total))
    cloud = thinned(clouds, POINT_SPACING * cell_size(scene, run.preset.depth_px))
    if len(cloud.points) < FEWEST_POINTS:
        raise StepError(
            "photos-without-detail",
            f"Only {len(cloud.points)} points of the surface could be measured.",
            "Photograph textured surfaces, sharp and in good light, with more overlap.",
        )
    write_cloud(Path(DENSE), cloud.points, cloud.normals)
    return {
        "points": len(cloud.points),
        "depth_maps": sum(share > 0 for share in computed),
        "depth_share": round(float(np.mean(computed)), 3),
    }


@cache
def _scene() -> Scene:
    return read_scene()


@lru_cache(maxsize=REMEMBERED)
def _depth_map(index: int) -> DepthMap | None:
    return read_depth(_scene().cameras[index])


def _depth(job: tuple[int, Preset]) -> float:
    """Compute one depth map; returns the share of its pixels that have a depth."""
    index, preset = job
    computed = compute_depth(_scene(), index, preset)
    if computed is None:
        return 0.0
    view, inverse = computed
    write_depth(view, inverse)
    return float((inverse > 0).mean())


def _points(index: int) -> Cloud:
    scene = _scene()
    own = _depth_map(index)
    if own is None:
        return Cloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))
    near = (_depth_map(other) for other in scene.neighbours(index, CONFIRMING))
    others: list[DepthMap] = [one for one in near if one is not None]
    return confirmed_points(own, others, least_views=1)
