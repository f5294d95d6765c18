"""glTF 2.0, binary (https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html), as viewers and game engines read it."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from naomesh.engines.mesh import TexturedMesh
from naomesh.engines.render import vertex_normals

_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_LINEAR, _LINEAR_MIPMAP, _CLAMP = 9729, 9987, 33071


def write_glb(model: TexturedMesh, texture: bytes, mime_type: str, stream: BinaryIO) -> None:
    """Write `model`, which is Y up, with its `texture` as an encoded picture.

    The light stands in the texture already, so the material is unlit where the viewer knows how.
    """
    corners, indices = np.unique(
        np.stack([model.faces.ravel(), model.uv_faces.ravel()], axis=1), axis=0, return_inverse=True
    )
    normals = vertex_normals(model.vertices, model.faces)
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0.0, 1.0, 0.0)
    position = model.vertices[corners[:, 0]].astype("<f4")
    uv = model.uv[corners[:, 1]] * (1, -1) + (0, 1)
    blocks = [
        (position.tobytes(), _VERTICES),
        (normals[corners[:, 0]].astype("<f4").tobytes(), _VERTICES),
        (uv.astype("<f4").tobytes(), _VERTICES),
        (indices.ravel().astype("<u4").tobytes(), _INDICES),
        (texture, None),
    ]
    accessors = [
        {**_accessor(0, _FLOAT, len(corners), "VEC3"), **_bounds(position)},
        _accessor(1, _FLOAT, len(corners), "VEC3"),
        _accessor(2, _FLOAT, len(corners), "VEC2"),
        _accessor(3, _UINT32, indices.size, "SCALAR"),
    ]
    views, body = _packed(blocks)
    _write(stream, _document(accessors, views, len(body), mime_type), body)


def _document(
    accessors: list[dict[str, Any]], views: list[dict[str, Any]], body_bytes: int, mime_type: str
) -> dict[str, Any]:
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    return {
        "asset": {"version": "2.0", "generator": "Naomesh"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "model", "mesh": 0}],
        "meshes": [{"name": "model", "primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "materials": [
            {
                "name": "photographs",
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0, "roughnessFactor": 1},
                "extensions": {"KHR_materials_unlit": {}},
                "doubleSided": True,
            }
        ],
        "textures": [{"sampler": 0, "source": 0}],
        "samplers": [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP, "wrapS": _CLAMP, "wrapT": _CLAMP}],
        "images": [{"bufferView": len(views) - 1, "mimeType": mime_type}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": body_bytes}],
    }


def _accessor(view: int, kind: int, count: int, shape: str) -> dict[str, Any]:
    return {"bufferView": view, "componentType": kind, "count": count, "type": shape}


def _bounds(position: NDArray[np.float32]) -> dict[str, Any]:
    return {"min": position.min(axis=0).tolist(), "max": position.max(axis=0).tolist()}


def _packed(blocks: list[tuple[bytes, int | None]]) -> tuple[list[dict[str, Any]], bytes]:
    views: list[dict[str, Any]] = []
    body = bytearray()
    for block, target in blocks:
        view = {"buffer": 0, "byteOffset": len(body), "byteLength": len(block)}
        views.append(view if target is None else {**view, "target": target})
        body += block + bytes(-len(block) % 4)
    return views, bytes(body)


def _write(stream: BinaryIO, document: dict[str, Any], body: bytes) -> None:
    head = json.dumps(document, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 4)
    stream.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(head) + 8 + len(body)))
    stream.write(struct.pack("<I4s", len(head), b"JSON") + head)
    stream.write(struct.pack("<I4s", len(body), b"BIN\0") + body)
