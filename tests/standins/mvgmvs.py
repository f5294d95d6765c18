#!/usr/bin/env python3
"""Plays MvgMvsPipeline.py: one step, by the number that it has in the version that STANDIN_SCRIPT names."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

OPENMVG = (
    ("Intrinsics analysis", "openMVG_main_SfMInit_ImageListing", "-i {photos} -o {m} -d none"),
    ("Compute features", "openMVG_main_ComputeFeatures", "-i {m}/sfm_data.json -o {m} -m SIFT"),
    ("Compute pairs", "openMVG_main_PairGenerator", "-i {m}/sfm_data.json -o {m}/pairs.bin"),
    (
        "Compute matches",
        "openMVG_main_ComputeMatches",
        "-i {m}/sfm_data.json -p {m}/pairs.bin -o {m}/matches.putative.bin -n AUTO",
    ),
    (
        "Filter matches",
        "openMVG_main_GeometricFilter",
        "-i {m}/sfm_data.json -m {m}/matches.putative.bin -o {m}/matches.f.bin",
    ),
    ("Incremental reconstruction", "openMVG_main_SfM", "-i {m}/sfm_data.json -m {m} -o {sfm} -s INCREMENTAL"),
    ("Global reconstruction", "openMVG_main_SfM", "-i {m}/sfm_data.json -m {m} -o {sfm} -s GLOBAL"),
    ("Colorize Structure", "openMVG_main_ComputeSfM_DataColor", ""),
    ("Structure from Known Poses", "openMVG_main_ComputeStructureFromKnownPoses", ""),
    ("Colorized robust triangulation", "openMVG_main_ComputeSfM_DataColor", ""),
    ("Control Points Registration", "ui_openMVG_control_points_registration", ""),
    ("Export to openMVS", "openMVG_main_openMVG2openMVS", "-i {sfm}/sfm_data.bin -o {mvs}/scene.mvs -d {mvs}/images"),
)
COLMAP = tuple(
    (name, "colmap", "")
    for name in ("Feature Extractor", "Exhaustive Matcher", "Mapper", "Model Aligner", "Image Undistorter")
)
INTERFACE = (("Export to openMVS", "InterfaceCOLMAP", ""),)
OPENMVS = (
    ("Densify point cloud", "DensifyPointCloud", "scene.mvs --resolution-level 1 -w {mvs}"),
    ("Reconstruct the mesh", "ReconstructMesh", "scene_dense.mvs -p scene_dense.ply -w {mvs}"),
    (
        "Refine the mesh",
        "RefineMesh",
        "scene_dense.mvs -m scene_dense_mesh.ply -o scene_dense_mesh_refine.mvs --scales 1 -w {mvs}",
    ),
    (
        "Texture the mesh",
        "TextureMesh",
        "scene_dense.mvs -m scene_dense_mesh_refine.ply -o scene_dense_mesh_refine_texture.mvs --decimate 0.5 -w {mvs}",
    ),
    ("Estimate disparity-maps", "DensifyPointCloud", "scene.mvs --fusion-mode -1 -w {mvs}"),
    ("Fuse disparity-maps", "DensifyPointCloud", "scene.mvs --fusion-mode -2 -w {mvs}"),
)
VERSIONS = {
    "2.1": (*OPENMVG, *OPENMVS),
    "2.2": (*OPENMVG, *COLMAP[:3], *COLMAP[4:], *INTERFACE, *OPENMVS),
    "2.4": (*OPENMVG, *COLMAP, *INTERFACE, *OPENMVS),
}


def main() -> int:
    """Ask for what is missing, then run the steps; the exit code is 0 whatever happens."""
    version = os.environ.get("STANDIN_SCRIPT", "2.2")
    rows = VERSIONS[version]
    if version != "2.1" and not shutil.which("colmap"):
        input("COLMAP binary folder?\n")
    told = "\n".join(f"\t{number}. {name}\t {program}" for number, (name, program, _) in enumerate(rows))
    parser = argparse.ArgumentParser(formatter_class=argparse.RawTextHelpFormatter, description=told)
    parser.add_argument("photos")
    parser.add_argument("work")
    parser.add_argument("--steps", type=int, nargs="+")
    for number in range(len(rows)):
        parser.add_argument(f"--{number}", nargs="+")
    given = parser.parse_args()
    work = Path(given.work).absolute()
    folders = {
        "photos": Path(given.photos).absolute(),
        "sfm": work / "sfm",
        "m": work / "sfm/matches",
        "mvs": work / "mvs",
    }
    for folder in ("sfm", "m", "mvs"):
        folders[folder].mkdir(exist_ok=True)
    (work / "mvs/images").mkdir(exist_ok=True)
    for number in given.steps:
        name, program, template = rows[number]
        sys.stdout.write(f"#{number}. {name}\n")
        more = getattr(given, str(number)) or []
        more = [word if at % 2 else ("-" if len(word) == 1 else "--") + word for at, word in enumerate(more)]
        words = [word.format_map(folders) for word in template.split()]
        for option in more[::2]:
            if option in words:
                at = words.index(option)
                del words[at : at + 2]
        sys.stdout.write(f"Cmd: {program} {' '.join([*words, *more])}\n")
        sys.stdout.flush()
        if subprocess.run([program, *words, *more], check=False).returncode:
            break
    sys.stdout.write("# Pipeline end #\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
