"""What is known of a job's photographs: before it is taken (`Survey`), and after they were prepared (`PhotoReport`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Photo:
    """A photograph that can be used.

    `width` and `height` in pixels as it stands upright; `focal_px` the focal length that its EXIF tells, in pixels;
    `orientation` as in EXIF (1 to 8); `camera` make and model; `plain` when it is an upright 8-bit RGB JPEG already.
    """

    name: str
    path: Path
    width: int
    height: int
    focal_px: float | None
    camera: str
    orientation: int
    plain: bool

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6


@dataclass(frozen=True)
class LeftOut:
    """A photograph that cannot be used, and why; `code` is empty or that of the error if all were like this."""

    name: str
    reason: str
    path: Path
    code: str = ""


@dataclass(frozen=True)
class Survey:
    """What a folder holds, in order of name."""

    folder: Path
    usable: tuple[Photo, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def given(self) -> int:
        """How many photographs were found, good and bad."""
        return len(self.usable) + len(self.left_out)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of all of them, good and bad: the job's receipt names those that were left out."""
        both = [photo.path for photo in self.usable] + [photo.path for photo in self.left_out]
        return tuple(sorted(both, key=lambda path: path.name))

    @property
    def megapixels(self) -> float:
        """Millions of pixels of the usable ones together."""
        return sum(photo.megapixels for photo in self.usable)


@dataclass(frozen=True)
class UsedPhoto:
    """A photograph as the engine finds it: `file` in `photos/`, `name` as its owner called it."""

    file: str
    name: str
    width: int
    height: int
    focal_px: float | None
    camera: str


@dataclass(frozen=True)
class PhotoReport:
    """The content of `photos.json`."""

    used: tuple[UsedPhoto, ...]
    left_out: tuple[LeftOut, ...]

    def names(self) -> Mapping[str, str]:
        """What the owner called each file of `photos/`."""
        return {photo.file: photo.name for photo in self.used}

    def write(self, path: Path) -> None:
        """Write `photos.json`."""
        content = {
            "used": [asdict(photo) for photo in self.used],
            "left_out": [{"name": photo.name, "reason": photo.reason} for photo in self.left_out],
        }
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> PhotoReport:
        """Read what `write` wrote."""
        content: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            tuple(UsedPhoto(**photo) for photo in content["used"]),
            tuple(LeftOut(photo["name"], photo["reason"], Path()) for photo in content["left_out"]),
        )
