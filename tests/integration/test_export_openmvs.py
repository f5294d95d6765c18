"""What openMVS writes is read as it is meant: corners, texture coordinates, several textures, cameras."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from models import house
from PIL import Image
from test_export import check_upright_house

from naomesh.engines.export.openmvs import MODEL, SCENE, load_openmvs, read_cameras
from naomesh.engines.export.results import export
from naomesh.engines.mesh import Camera, TexturedMesh
from naomesh.errors import StepFailed

Array = np.ndarray[Any, np.dtype[Any]]


def write_model(model: TexturedMesh, folder: Path, pages: Array | None = None) -> None:
    """A textured PLY as openMVS 2.3 writes it; with `pages`, the upper and lower half of the texture are two files."""
    names = ["scene_dense_mesh_refine_texture0.png", "scene_dense_mesh_refine_texture1.png"][
        : 1 if pages is None else 2
    ]
    header = ["ply", "format binary_little_endian 1.0", *(f"comment TextureFile {name}" for name in names)]
    header += [f"element vertex {len(model.vertices)}", *(f"property float32 {axis}" for axis in "xyz")]
    header += [f"element face {len(model.faces)}", "property list uint8 uint32 vertex_indices"]
    header += ["property list uint8 float32 texcoord"] + ([] if pages is None else ["property int32 texnumber"])
    body = model.vertices.astype("<f4").tobytes()
    uv = model.uv[model.uv_faces].copy()
    half = model.texture.shape[0] // 2
    if pages is None:
        Image.fromarray(model.texture).save(folder / names[0])
    else:
        uv[..., 1] = uv[..., 1] * 2 - (pages == 0)[:, None]
        Image.fromarray(model.texture[:half]).save(folder / names[0])
        Image.fromarray(model.texture[half:]).save(folder / names[1])
    for index, (face, corners) in enumerate(zip(model.faces, uv, strict=True)):
        body += struct.pack("<B3IB6f", 3, *face, 6, *corners.ravel())
        body += b"" if pages is None else struct.pack("<i", pages[index])
    (folder / MODEL).write_bytes("\n".join([*header, "end_header\n"]).encode() + body)


def write_scene(cameras: tuple[Camera, ...], path: Path, version: int = 2) -> None:
    """A scene file as openMVG writes it: one platform, a pose for each image, and an image that was not placed."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def numbers(*values: Array) -> bytes:
        return b"".join(np.asarray(value, dtype="<f8").tobytes() for value in values)

    first = cameras[0]
    content = struct.pack("<4s2I", b"MVSI", version, 0) + struct.pack("<Q", 1) + text("platform")
    content += struct.pack("<Q", 1) + text("lens") + (text("RGB") if version > 3 else b"")
    content += struct.pack("<2I", first.width, first.height) + numbers(first.k, np.eye(3), np.zeros(3))
    content += struct.pack("<Q", len(cameras)) + b"".join(numbers(camera.r, camera.center) for camera in cameras)
    content += struct.pack("<Q", len(cameras) + 1)
    poses = [*range(len(cameras)), 0xFFFFFFFF]
    for pose, name in zip(poses, [*(camera.name for camera in cameras), "lost.jpg"], strict=True):
        content += text(name) + (text("") if version > 4 else b"") + struct.pack("<3I", 0, 0, pose)
        content += struct.pack("<I", pose) if version > 2 else b""
    path.write_bytes(content + bytes(100))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`mvs/` of a workspace with the house in it."""
    folder = tmp_path / "mvs"
    folder.mkdir()
    write_model(house(), folder)
    write_scene(house().cameras, folder / SCENE)
    return folder


def test_model_of_openmvs_becomes_the_same_results(folder: Path) -> None:
    """The house comes out as from our own engine, as upright as its cameras tell: within three degrees."""
    export(folder.parent, lambda _done, _total: None)
    check_upright_house(trimesh.load(folder.parent / "results/model.glb", force="mesh", process=False), rel=0.06)


def test_several_textures_become_one(folder: Path) -> None:
    """OpenMVS splits large textures; one of ours holds both, and every corner keeps its colour."""
    model = house()
    pages = (model.uv[model.uv_faces][..., 1].mean(axis=1) < 0.5).astype(int)
    write_model(model, folder, pages)
    assert load_openmvs(folder).texture.shape == (64, 64, 3)
    export(folder.parent, lambda _done, _total: None)
    check_upright_house(trimesh.load(folder.parent / "results/model.glb", force="mesh", process=False), rel=0.06)


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_cameras_are_read_from_the_scene(folder: Path, version: int) -> None:
    """Place, direction, lens and name of each photograph that was placed."""
    write_scene(house().cameras, folder / SCENE, version)
    found = read_cameras(folder / SCENE)
    assert [camera.name for camera in found] == [camera.name for camera in house().cameras]
    for one, other in zip(found, house().cameras, strict=True):
        assert np.allclose(one.center, other.center)
        assert np.allclose(one.r, other.r)
        assert np.allclose(one.k, other.k)
        assert (one.width, one.height) == (other.width, other.height)


@pytest.mark.parametrize("content", [b"", b"MVSI", b"nothing of the kind", b"MVSI" + b"\xff" * 80, None])
def test_without_cameras_the_model_is_still_exported(folder: Path, content: bytes | None) -> None:
    """A scene file that cannot be read costs the heading, not the model."""
    (folder / SCENE).unlink()
    if content is not None:
        (folder / SCENE).write_bytes(content)
    model = load_openmvs(folder)
    assert model.cameras == ()
    assert model.up.tolist() == [0, -1, 0]
    export(folder.parent, lambda _done, _total: None)
    assert (folder.parent / "results/model.glb").is_file()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _ascii(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"binary_little_endian", b"ascii"))


def _other_texture(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"texture0.png", b"texture9.png"))


def _no_texture(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"comment TextureFile", b"comment SomethingNew"))


def _quads(path: Path) -> None:
    content = path.read_bytes()
    at = content.index(b"end_header\n") + len(b"end_header\n") + 12 * 11
    path.write_bytes(content[:at] + b"\x04" + content[at + 1 :])


@pytest.mark.parametrize("damage", [_cut, _ascii, _other_texture, _no_texture, _quads])
def test_a_damaged_model_is_told_in_one_line(folder: Path, damage: Any) -> None:
    """Cut short, of another kind, without its texture: the step failed, and the line says what of it."""
    damage(folder / MODEL)
    with pytest.raises(StepFailed) as caught:
        load_openmvs(folder)
    assert "is not a textured model" in caught.value.line()
    assert "\n" not in caught.value.line()
