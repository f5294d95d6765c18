"""The table of steps: openMVG's and openMVS's programs, what each is told, and what each leaves in the workspace.

The numbers are those of MvgMvsPipeline.py before openMVS 2.2, the folders those of all its versions: `sfm/matches`,
`sfm` and `mvs`. The options are those of openMVS 2.3's script. Paths are seen from `mvs/` (see `launcher`).
"""

from __future__ import annotations

from dataclasses import dataclass

from naomesh.engines.base import Step
from naomesh.engines.openmvg_openmvs.launcher import SENSORS
from naomesh.jobs.request import Quality

LISTING = "sfm/matches/sfm_data.json"
PAIRS = "sfm/matches/pairs.bin"
PUTATIVE = "sfm/matches/matches.putative.bin"
FILTERED = "sfm/matches/matches.f.bin"
SPARSE = "sfm/sfm_data.bin"
SCENE = "mvs/scene.mvs"
DENSE = "mvs/scene_dense.ply"
MESH = "mvs/scene_dense_mesh.ply"
REFINED = "mvs/scene_dense_mesh_refine.ply"
TEXTURED = "mvs/scene_dense_mesh_refine_texture.ply"
TEXTURE = "mvs/scene_dense_mesh_refine_texture0.png"


@dataclass(frozen=True)
class Row:
    """A step, the program that runs it, and the program's words; `{threads}` and the like come from the preset.

    `script_name` is what MvgMvsPipeline.py calls the step, `script_options` what it shall pass on to the program,
    as pairs of option and value.
    """

    step: Step
    program: str
    words: tuple[str, ...]
    script_name: str
    script_options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """`features`: openMVG's preset for the number of features; `level`: how often the pictures are halved before
    depth is computed."""

    features: str
    level: int


PRESETS = {Quality.GOOD: Preset("HIGH", 1), Quality.BAD: Preset("NORMAL", 2)}

_M = "../sfm/matches"

ROWS: tuple[Row, ...] = (
    Row(
        Step(0, "listing", "Image listing", (LISTING,)),
        "openMVG_main_SfMInit_ImageListing",
        ("-i", "../photos", "-o", _M, "-d", SENSORS),
        "Intrinsics analysis",
    ),
    Row(
        Step(
            1,
            "features",
            "Features",
            ("sfm/matches/*.feat", "sfm/matches/*.desc", "sfm/matches/image_describer.json"),
        ),
        "openMVG_main_ComputeFeatures",
        ("-i", f"{_M}/sfm_data.json", "-o", _M, "-m", "SIFT", "-p", "{features}", "-n", "{feature_threads}"),
        "Compute features",
        ("p", "{features}", "n", "{feature_threads}"),
    ),
    Row(
        Step(2, "pairs", "Pairs", (PAIRS,)),
        "openMVG_main_PairGenerator",
        ("-i", f"{_M}/sfm_data.json", "-o", f"{_M}/pairs.bin"),
        "Compute pairs",
    ),
    Row(
        Step(3, "matches", "Matches", (PUTATIVE,)),
        "openMVG_main_ComputeMatches",
        (
            *("-i", f"{_M}/sfm_data.json", "-p", f"{_M}/pairs.bin"),
            *("-o", f"{_M}/matches.putative.bin", "-n", "AUTO"),
        ),
        "Compute matches",
    ),
    Row(
        Step(4, "filter", "Geometric filter", (FILTERED,)),
        "openMVG_main_GeometricFilter",
        ("-i", f"{_M}/sfm_data.json", "-m", f"{_M}/matches.putative.bin", "-o", f"{_M}/matches.f.bin"),
        "Filter matches",
    ),
    Row(
        Step(5, "sfm", "Incremental structure from motion", (SPARSE,)),
        "openMVG_main_SfM",
        ("-i", f"{_M}/sfm_data.json", "-m", _M, "-o", "../sfm", "-s", "INCREMENTAL"),
        "Incremental reconstruction",
    ),
    Row(
        Step(11, "export", "Undistort and export", (SCENE, "mvs/images/*")),
        "openMVG_main_openMVG2openMVS",
        ("-i", "../sfm/sfm_data.bin", "-o", "scene.mvs", "-d", "images"),
        "Export to openMVS",
    ),
    Row(
        Step(12, "densify", "Densify", ("mvs/scene_dense.mvs", DENSE)),
        "DensifyPointCloud",
        (
            *("scene.mvs", "--dense-config-file", "Densify.ini", "--resolution-level", "{level}"),
            *("--number-views", "8", "--max-threads", "{threads}", "-w", "."),
        ),
        "Densify point cloud",
        ("resolution-level", "{level}", "max-threads", "{threads}"),
    ),
    Row(
        Step(13, "mesh", "Mesh", ("mvs/scene_dense_mesh.*",)),
        "ReconstructMesh",
        ("scene_dense.mvs", "-p", "scene_dense.ply", "--max-threads", "{threads}", "-w", "."),
        "Reconstruct the mesh",
        ("max-threads", "{threads}"),
    ),
    Row(
        Step(14, "refine", "Refine", ("mvs/scene_dense_mesh_refine.*",)),
        "RefineMesh",
        (
            *("scene_dense.mvs", "-m", "scene_dense_mesh.ply", "-o", "scene_dense_mesh_refine.mvs"),
            *("--scales", "1", "--gradient-step", "25.05", "--max-threads", "{threads}", "-w", "."),
        ),
        "Refine the mesh",
        ("max-threads", "{threads}"),
    ),
    Row(
        Step(15, "texture", "Texture", (TEXTURED, "mvs/scene_dense_mesh_refine_texture*.png")),
        "TextureMesh",
        (
            *("scene_dense.mvs", "-m", "scene_dense_mesh_refine.ply", "-o", "scene_dense_mesh_refine_texture.mvs"),
            *("--decimate", "0.5", "--max-threads", "{threads}", "-w", "."),
        ),
        "Texture the mesh",
        ("max-threads", "{threads}"),
    ),
)

BY_NUMBER = {row.step.number: row for row in ROWS}
PROGRAMS = tuple(row.program for row in ROWS)
