"""What `quality` means: one table."""

from __future__ import annotations

from dataclasses import dataclass

from naomesh.jobs.request import Quality


@dataclass(frozen=True)
class Preset:
    """The knobs of all steps. Sizes are in pixels of a photograph's longer side."""

    features_px: int
    """Size at which features are found; larger photographs are reduced to it."""
    features: int
    """The most features kept per photograph."""
    neighbours: int
    """Photographs that each one is matched with, once there are too many to match all with all."""
    texture_px: int
    """Size of the undistorted photographs, and so of the texture."""
    sweep_px: int
    """Size at which depth is searched for."""
    depth_px: int
    """Size at which depth is refined and kept."""
    window: int
    """Side of the square in which pictures are compared when depth is refined, in pixels of the depth map."""
    steps_px: tuple[float, ...]
    """How far each round of the depth's refinement looks to either side, in pixels."""
    sources: int
    """Photographs that each depth map is computed from."""
    planes: int
    """The most depths tried."""
    paths: int
    """Directions of the semi-global optimisation: 4 or 8."""
    poisson_depth: int
    """Levels of the octree of the surface reconstruction."""
    rounds: int
    """Times that the mesh is moved onto the depth maps."""
    relaxing: int
    """Times that each round of the mesh's refinement moves a vertex to the mean of its neighbours first."""
    smoothing: int
    """Times that the refinement's moves are averaged over neighbours; more where the mesh is finer."""
    faces: int
    """Triangles of the finished mesh, about."""
    atlas_px: int
    """The longest side of the texture."""


PRESETS: dict[Quality, Preset] = {
    Quality.BAD: Preset(
        features_px=800,
        features=1600,
        neighbours=24,
        texture_px=1600,
        sweep_px=256,
        depth_px=640,
        window=5,
        steps_px=(1.0, 0.5),
        sources=4,
        planes=48,
        paths=4,
        poisson_depth=8,
        rounds=2,
        relaxing=1,
        smoothing=2,
        faces=60_000,
        atlas_px=8192,
    ),
    Quality.GOOD: Preset(
        features_px=1600,
        features=4096,
        neighbours=40,
        texture_px=2400,
        sweep_px=640,
        depth_px=960,
        window=5,
        steps_px=(1.0, 0.5, 0.5),
        sources=5,
        planes=128,
        paths=8,
        poisson_depth=9,
        rounds=4,
        relaxing=3,
        smoothing=8,
        faces=250_000,
        atlas_px=8192,
    ),
}
