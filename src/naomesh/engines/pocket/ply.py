"""Binary PLY files: clouds with normals, and triangle meshes, as the steps hand them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import Floats, Ints

_TYPES = {"float": "<f4", "double": "<f8", "uchar": "u1", "int": "<i4", "uint": "<u4"}
_END = b"end_header\n"
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", (3,))])


def write_cloud(path: Path, points: NDArray[np.floating], normals: NDArray[np.floating]) -> None:
    """`points`, `normals` (N, 3) as floats."""
    columns = np.concatenate([points, normals], axis=1).astype("<f4")
    names = ("x", "y", "z", "nx", "ny", "nz")
    _write(path, [f"element vertex {len(columns)}", *(f"property float {name}" for name in names)], columns.tobytes())


def write_mesh(path: Path, vertices: NDArray[np.floating], faces: Ints) -> None:
    """`vertices` (V, 3) as floats, `faces` (F, 3)."""
    table = np.empty(len(faces), dtype=_FACE)
    table["count"], table["corners"] = 3, faces
    header = [f"element vertex {len(vertices)}", *(f"property float {name}" for name in "xyz")]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    _write(path, header, vertices.astype("<f4").tobytes() + table.tobytes())


def read_mesh(path: Path) -> tuple[Floats, Ints]:
    """Vertices (V, 3) and triangles (F, 3) of a binary little-endian PLY, whatever else its vertices carry.

    :raises ValueError: it is no such file, or it is cut off.
    """
    content = path.read_bytes()
    header = _read_header(path, content)
    rest = header.start + header.vertices * header.vertex.itemsize
    if len(content) < rest + header.faces * header.face.itemsize:
        raise ValueError(f"{path} is cut off")
    vertices = _positions(content, header)
    table = np.frombuffer(content, dtype=header.face, count=header.faces, offset=rest)
    if header.faces and (table["count"] != 3).any():
        raise ValueError(f"{path} has faces that are no triangles")
    return vertices, table["corners"].astype(np.int64)


def read_points(path: Path) -> Floats:
    """The vertices (V, 3) alone."""
    content = path.read_bytes()
    return _positions(content, _read_header(path, content))


@dataclass(frozen=True)
class _Header:
    """`start`: where the vertices begin; `vertex` and `face` are the records."""

    start: int
    vertices: int
    faces: int
    vertex: np.dtype[np.void]
    face: np.dtype[np.void]


def _read_header(path: Path, content: bytes) -> _Header:
    end = content.find(_END)
    if not content.startswith(b"ply") or end < 0 or b"binary_little_endian" not in content[:end]:
        raise ValueError(f"{path} is no binary PLY file")
    element, counts, fields, face = "", {"vertex": 0, "face": 0}, [], _FACE
    for line in content[:end].decode("ascii").splitlines():
        words = line.split()
        if words[0] == "element":
            element, counts[words[1]] = words[1], int(words[2])
        elif words[0] == "property" and element == "vertex":
            fields.append((words[2], _TYPES[words[1]]))
        elif words[:2] == ["property", "list"] and element == "face":
            face = np.dtype([("count", _TYPES[words[2]]), ("corners", _TYPES[words[3]], (3,))])
    header = _Header(end + len(_END), counts["vertex"], counts["face"], np.dtype(fields), face)
    if len(content) < header.start + header.vertices * header.vertex.itemsize:
        raise ValueError(f"{path} is cut off")
    return header


def _positions(content: bytes, header: _Header) -> Floats:
    table = np.frombuffer(content, dtype=header.vertex, count=header.vertices, offset=header.start)
    return np.stack([table[name].astype(np.float64) for name in "xyz"], axis=1)


def _write(path: Path, header: list[str], body: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(
        "\n".join(["ply", "format binary_little_endian 1.0", *header, "end_header", ""]).encode("ascii") + body
    )
    part.replace(path)
