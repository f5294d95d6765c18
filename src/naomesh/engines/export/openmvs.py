"""Reading what openMVS wrote: a textured PLY with its pictures, and the cameras of a scene file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from naomesh.engines.mesh import Bytes, Camera, Floats, Ints, TexturedMesh
from naomesh.engines.pocket.upright import up_direction
from naomesh.errors import StepFailed

FOLDER = "mvs"
MODEL = "scene_dense_mesh_refine_texture.ply"
SCENE = "scene.mvs"

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip
_LISTS = {"vertex_indices": 3, "vertex_index": 3, "texcoord": 6}
_TEXTURE_COMMENT = "comment TextureFile "
_OPENMVG_UP = np.array([0.0, -1.0, 0.0])
"""The first camera's up, in whose frame openMVG sets the scene."""
_NONE = 0xFFFFFFFF


def load_openmvs(folder: Path) -> TexturedMesh:
    """The textured model in `folder`, with the cameras of its scene file where that can be read.

    Several textures become one, below each other.

    :raises StepFailed: a file is missing or is not what it should be (`step-failed`).
    """
    path = folder / MODEL
    try:
        vertices, faces, corners, pages, names = read_textured_ply(path)
        textures = [_picture(folder / name) for name in names]
    except (OSError, ValueError, KeyError) as error:
        raise StepFailed(f"{path} is not a textured model: {error}.", mend="Retry the job.") from error
    texture, uv = _stacked(textures, corners, pages)
    cameras = read_cameras(folder / SCENE)
    up = up_direction(cameras) if cameras else _OPENMVG_UP
    uv_faces = np.arange(3 * len(faces)).reshape(-1, 3)
    return TexturedMesh(vertices, faces, uv.reshape(-1, 2), uv_faces, texture, up, cameras)


def read_textured_ply(path: Path) -> tuple[Floats, Ints, Floats, Ints, list[str]]:
    """Vertices (V, 3), faces (F, 3), texture coordinates of their corners (F, 3, 2) with the origin at the lower left,
    the number of each face's texture (F,), and the textures' names, from a binary PLY of triangles.

    :raises ValueError: the file is none.
    """
    content = path.read_bytes()
    head, mark, body = content.partition(b"end_header\n")
    lines = head.decode("latin-1").splitlines()
    if not mark or lines[:2] != ["ply", "format binary_little_endian 1.0"]:
        raise ValueError("its header is not that of a binary PLY")
    names = [line.removeprefix(_TEXTURE_COMMENT).strip() for line in lines if line.startswith(_TEXTURE_COMMENT)]
    elements: dict[str, tuple[int, list[tuple[str, ...]]]] = {}
    for line in lines:
        words = line.split()
        if words[:1] == ["element"]:
            elements[words[1]] = (int(words[2]), [])
        elif words[:1] == ["property"]:
            list(elements.values())[-1][1].append(_field(words))
    tables: dict[str, NDArray[np.void]] = {}
    offset = 0
    for name, (count, fields) in elements.items():
        kind = np.dtype([entry for field in fields for entry in _entries(field)])
        if len(body) < offset + count * kind.itemsize:
            raise ValueError("it is cut short")
        tables[name] = np.frombuffer(body, kind, count, offset)
        offset += count * kind.itemsize
    vertex, face = tables["vertex"], tables["face"]
    for name in face.dtype.names or ():
        if name.endswith(" length") and (face[name] != _LISTS[name.removesuffix(" length")]).any():
            raise ValueError("not all of its faces are triangles with texture")
    corner_list = next(name for name in ("vertex_indices", "vertex_index") if name in (face.dtype.names or ()))
    faces = face[corner_list].astype(np.int64)
    vertices = np.stack([vertex[axis] for axis in "xyz"], axis=1).astype(np.float64)
    if not names or not len(faces) or faces.max() >= len(vertices):
        raise ValueError("it has no faces, or no texture")
    pages = face["texnumber"].astype(np.int64) if "texnumber" in (face.dtype.names or ()) else np.zeros(len(faces), int)
    if pages.min() < 0 or pages.max() >= len(names):
        raise ValueError("a face names a texture that is not there")
    return vertices, faces, face["texcoord"].reshape(-1, 3, 2).astype(np.float64), pages, names


def read_cameras(path: Path) -> tuple[Camera, ...]:
    """The cameras of a scene file (MVSI, versions 1 to 6, as openMVG and openMVS write it); none if it is another."""
    try:
        return tuple(_scene_cameras(_Archive(path.read_bytes())))
    except (OSError, ValueError, struct.error, IndexError):
        return ()


class _Archive:
    """Walks through the file's values."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def values(self, kind: str) -> tuple[int | float, ...]:
        values = struct.unpack_from(f"<{kind}", self._content, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return values

    def count(self) -> int:
        number = int(self.values("Q")[0])
        if number > len(self._content):
            raise ValueError("a number of things that the file cannot hold")
        return number

    def text(self) -> str:
        size = self.count()
        text = self._content[self._at : self._at + size].decode()
        self._at += size
        return text

    def matrix(self) -> Floats:
        return np.array(self.values("9d")).reshape(3, 3)

    def vector(self) -> Floats:
        return np.array(self.values("3d"))

    def magic(self) -> bytes:
        self._at += 4
        return self._content[:4]


def _scene_cameras(archive: _Archive) -> list[Camera]:
    if archive.magic() != b"MVSI":
        raise ValueError("not a scene file")
    version, _reserved = (int(value) for value in archive.values("2I"))
    if not 1 <= version <= 6:
        raise ValueError("another version")
    platforms = []
    for _ in range(archive.count()):
        archive.text()
        lenses = [_lens(archive, version) for _ in range(archive.count())]
        platforms.append((lenses, [(archive.matrix(), archive.vector()) for _ in range(archive.count())]))
    cameras = []
    for _ in range(archive.count()):
        name = archive.text()
        if version > 4:
            archive.text()
        platform, lens, pose = (int(value) for value in archive.values("3I"))
        if version > 2:
            archive.values("I")
        if _NONE in (platform, lens, pose):
            continue
        (k, turned, moved, width, height), (r, center) = platforms[platform][0][lens], platforms[platform][1][pose]
        rotation = turned @ r
        cameras.append(Camera(name, k, rotation, -rotation @ (center + r.T @ moved), width, height))
    return cameras


def _lens(archive: _Archive, version: int) -> tuple[Floats, Floats, Floats, int, int]:
    archive.text()
    if version > 3:
        archive.text()
    width, height = (int(value) for value in archive.values("2I"))
    k, r, center = archive.matrix(), archive.matrix(), archive.vector()
    return k, r, center, width or max(1, round(2 * k[0, 2])), height or max(1, round(2 * k[1, 2]))


def _field(words: list[str]) -> tuple[str, ...]:
    """(name, type) or (name, type, type of the length)."""
    return (words[4], _TYPES[words[3]], _TYPES[words[2]]) if words[1] == "list" else (words[2], _TYPES[words[1]])


def _entries(field: tuple[str, ...]) -> list[tuple[str, str] | tuple[str, str, tuple[int]]]:
    if len(field) == 2:
        return [(field[0], field[1])]
    return [(f"{field[0]} length", field[2]), (field[0], field[1], (_LISTS[field[0]],))]


def _picture(path: Path) -> Bytes:
    Image.MAX_IMAGE_PIXELS = None  # an atlas of the engine's, however large
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _stacked(textures: list[Bytes], corners: Floats, pages: Ints) -> tuple[Bytes, Floats]:
    """One texture of several, below each other, and the coordinates in it."""
    if len(textures) == 1:
        return textures[0], corners
    width = max(texture.shape[1] for texture in textures)
    bottoms = np.cumsum([texture.shape[0] for texture in textures])
    atlas = np.zeros((bottoms[-1], width, 3), dtype=np.uint8)
    for texture, bottom in zip(textures, bottoms, strict=True):
        atlas[bottom - texture.shape[0] : bottom, : texture.shape[1]] = texture
    sizes = np.array([(texture.shape[1], texture.shape[0]) for texture in textures])[pages][:, None]
    texels = corners * sizes
    texels[..., 1] += (bottoms[-1] - bottoms[pages])[:, None]
    return atlas, texels / (width, bottoms[-1])
