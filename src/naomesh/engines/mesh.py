"""A textured mesh and the cameras that saw it: what the last step of an engine leaves, and the export reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion: x = K (R X + t); pixel centres lie at +0.5 (COLMAP's convention).

    `k` and `r` have shape (3, 3), `t` (3,); `width` and `height` in pixels.
    """

    name: str
    k: Floats
    r: Floats
    t: Floats
    width: int
    height: int

    @property
    def center(self) -> Floats:
        """The camera's position in the scene, shape (3,)."""
        return np.asarray(-self.r.T @ self.t)


@dataclass(frozen=True)
class TexturedMesh:
    """Triangles with one texture.

    `vertices` (V, 3), `faces` (F, 3) indices into them; `uv` (T, 2) in 0..1 with the origin at the lower left (OBJ's
    convention), `uv_faces` (F, 3) indices into them; `texture` (H, W, 3) RGB; `up` (3,) the direction that was up
    for the cameras.
    """

    vertices: Floats
    faces: Ints
    uv: Floats
    uv_faces: Ints
    texture: Bytes
    up: Floats
    cameras: tuple[Camera, ...] = field(default=())

    def save(self, folder: Path) -> None:
        """Write `textured.npz` and `textured.png` into `folder`."""
        Image.fromarray(self.texture).save(folder / "textured.png", compress_level=1)
        cameras = self.cameras
        np.savez(
            folder / "textured.npz",
            vertices=self.vertices,
            faces=self.faces,
            uv=self.uv,
            uv_faces=self.uv_faces,
            up=self.up,
            names=np.array([camera.name for camera in cameras], dtype=np.str_),
            k=np.array([camera.k for camera in cameras]).reshape(-1, 3, 3),
            r=np.array([camera.r for camera in cameras]).reshape(-1, 3, 3),
            t=np.array([camera.t for camera in cameras]).reshape(-1, 3),
            sizes=np.array([(camera.width, camera.height) for camera in cameras], dtype=np.int64).reshape(-1, 2),
        )

    @classmethod
    def load(cls, folder: Path) -> TexturedMesh:
        """Read what `save` wrote."""
        with np.load(folder / "textured.npz", allow_pickle=False) as stored:
            cameras = tuple(
                Camera(str(name), k, r, t, int(size[0]), int(size[1]))
                for name, k, r, t, size in zip(
                    stored["names"], stored["k"], stored["r"], stored["t"], stored["sizes"], strict=True
                )
            )
            arrays = {name: stored[name] for name in ("vertices", "faces", "uv", "uv_faces", "up")}
        Image.MAX_IMAGE_PIXELS = None  # an atlas of our own, however large
        with Image.open(folder / "textured.png") as image:
            texture = np.asarray(image.convert("RGB"))
        return cls(**arrays, texture=texture, cameras=cameras)
