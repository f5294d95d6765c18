"""Everything that the user gets, from what the last step left in the workspace."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from naomesh.engines.export import openmvs
from naomesh.engines.export.files import whole
from naomesh.engines.export.glb import write_glb
from naomesh.engines.export.placing import placed
from naomesh.engines.export.preview import preview
from naomesh.engines.export.text import write_material, write_obj, write_ply
from naomesh.engines.mesh import Bytes, TexturedMesh
from naomesh.errors import StepFailed

RESULTS = "results"
GLB, OBJ, MATERIAL, TEXTURE, PREVIEW = "model.glb", "model.obj", "model.mtl", "model.jpg", "preview.png"
PLY, PLY_TEXTURE = "scene_dense_mesh_texture.ply", "scene_dense_mesh_texture.png"
FILES = (GLB, OBJ, MATERIAL, TEXTURE, PLY, PLY_TEXTURE, PREVIEW)

_JPEG_QUALITY = 92
_LARGEST_SIDE = 8192
"""Larger textures do not fit into every graphics card: the GLB and the OBJ get a smaller copy."""

OnProgress = Callable[[int, int], None]


def export(workspace: Path, on_progress: OnProgress) -> tuple[str, ...]:
    """Write `results/` and say the names of its files.

    :raises StepFailed: the last step left no textured model (`step-failed`), or one without faces (`no-surface`).
    """
    model = placed(load(workspace))
    target = workspace / RESULTS
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    jpeg = _jpeg(model.texture)
    picture = preview(model)
    work: tuple[tuple[str, Callable[[BinaryIO], object]], ...] = (
        (GLB, lambda stream: write_glb(model, jpeg, "image/jpeg", stream)),
        (OBJ, lambda stream: write_obj(model, MATERIAL, stream)),
        (MATERIAL, lambda stream: write_material(TEXTURE, stream)),
        (TEXTURE, lambda stream: stream.write(jpeg)),
        (PLY, lambda stream: write_ply(model, PLY_TEXTURE, stream)),
        (PLY_TEXTURE, lambda stream: _png(model.texture, stream)),
        (PREVIEW, lambda stream: _png(picture, stream)),
    )
    for done, (name, write) in enumerate(work, start=1):
        with whole(target / name) as stream:
            write(stream)
        on_progress(done, len(work))
    return FILES


def load(workspace: Path) -> TexturedMesh:
    """What the last step of either engine left.

    :raises StepFailed: neither is there.
    """
    if (workspace / "textured.npz").is_file():
        return TexturedMesh.load(workspace)
    if (workspace / openmvs.FOLDER / openmvs.MODEL).is_file():
        return openmvs.load_openmvs(workspace / openmvs.FOLDER)
    raise StepFailed("The last step left no textured model.", mend="Retry the job.")


def _jpeg(texture: Bytes) -> bytes:
    scale = _LARGEST_SIDE / max(texture.shape[:2])
    if scale < 1:
        size = (max(1, round(texture.shape[1] * scale)), max(1, round(texture.shape[0] * scale)))
        texture = np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(texture).save(stream, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return stream.getvalue()


def _png(rgb: Bytes, stream: BinaryIO) -> None:
    Image.fromarray(rgb).save(stream, "PNG", compress_level=4)
