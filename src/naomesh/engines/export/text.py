"""The formats made of text: Wavefront OBJ, and PLY as the front-end of 2023 loads it."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import TexturedMesh
from naomesh.engines.render import vertex_normals

_ROWS_AT_ONCE = 20_000


def write_obj(model: TexturedMesh, material_file: str, stream: BinaryIO) -> None:
    """Wavefront OBJ with normals, one material named `photographs`."""
    stream.write(f"# made by Naomesh, Y up\nmtllib {material_file}\no model\n".encode())
    _rows(stream, "v %.7g %.7g %.7g\n", model.vertices)
    _rows(stream, "vt %.7g %.7g\n", model.uv)
    _rows(stream, "vn %.4f %.4f %.4f\n", vertex_normals(model.vertices, model.faces))
    stream.write(b"usemtl photographs\n")
    corners = np.stack([model.faces, model.uv_faces, model.faces], axis=2).reshape(-1, 9) + 1
    _rows(stream, "f %d/%d/%d %d/%d/%d %d/%d/%d\n", corners)


def write_material(texture_file: str, stream: BinaryIO) -> None:
    """The OBJ's material: the texture and nothing else."""
    lines = ("newmtl photographs", "Ka 1 1 1", "Kd 1 1 1", "Ks 0 0 0", "illum 1", f"map_Kd {texture_file}")
    stream.write("".join(f"{line}\n" for line in lines).encode())


def write_ply(model: TexturedMesh, texture_file: str, stream: BinaryIO) -> None:
    """ASCII PLY with texture coordinates per face, as openMVS writes it."""
    header = (
        "ply",
        "format ascii 1.0",
        f"comment TextureFile {texture_file}",
        f"element vertex {len(model.vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        f"element face {len(model.faces)}",
        "property list uchar int vertex_indices",
        "property list uchar float texcoord",
        "end_header",
    )
    stream.write("".join(f"{line}\n" for line in header).encode())
    _rows(stream, "%.7g %.7g %.7g\n", model.vertices)
    corners = np.concatenate([model.faces, model.uv[model.uv_faces].reshape(-1, 6)], axis=1)
    _rows(stream, f"3 %d %d %d 6{' %.7g' * 6}\n", corners)


def _rows(stream: BinaryIO, row: str, values: NDArray[np.generic]) -> None:
    """Each row of `values` by the pattern, some thousand at a time: one `%` is much faster than one a row."""
    for start in range(0, len(values), _ROWS_AT_ONCE):
        some = values[start : start + _ROWS_AT_ONCE]
        stream.write((row * len(some) % tuple(some.ravel().tolist())).encode())
