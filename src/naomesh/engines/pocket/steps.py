"""The table of steps: the numbers and names of the openMVG/openMVS pipeline, and what each leaves in the workspace.

Each step writes files of its own and never changes those of an earlier step, so that every checkpoint is small and a
step that was interrupted can simply run again.
"""

from __future__ import annotations

from naomesh.engines.base import Step

CAMERAS = "pocket/cameras.json"
FEATURES = "pocket/features.db"
PAIRS = "pocket/pairs.txt"
MATCHES = "pocket/matches.db"
VERIFIED = "pocket/verified.db"
SPARSE = "pocket/sparse"
SCENE = "pocket/scene.npz"
IMAGES = "pocket/images"
DEPTH = "pocket/depth"
DENSE = "pocket/dense.ply"
MESH = "pocket/mesh.ply"
REFINED = "pocket/refined.ply"
TEXTURED = ("textured.npz", "textured.png")

STEPS: tuple[Step, ...] = (
    Step(0, "listing", "Image listing", (CAMERAS,)),
    Step(1, "features", "Features", (FEATURES,)),
    Step(2, "pairs", "Pairs", (PAIRS,)),
    Step(3, "matches", "Matches", (MATCHES,)),
    Step(4, "filter", "Geometric filter", (VERIFIED,)),
    Step(5, "sfm", "Incremental structure from motion", (f"{SPARSE}/*.bin",)),
    Step(11, "export", "Undistort and export", (SCENE, f"{IMAGES}/*.jpg")),
    Step(12, "densify", "Densify", (DENSE, f"{DEPTH}/*.npz")),
    Step(13, "mesh", "Mesh", (MESH,)),
    Step(14, "refine", "Refine", (REFINED,)),
    Step(15, "texture", "Texture", TEXTURED),
)
