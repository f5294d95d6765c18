"""Step 0: which photographs there are, and which of them share a camera.

Photographs share a camera when their size and what EXIF says of camera and zoom are the same; each camera has one
focal length, from EXIF where it is there, and refined later.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from naomesh.engines.base import Facts
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.report import StepError, say_progress
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.steps import CAMERAS

PHOTOS = Path("photos")
FEWEST_PHOTOS = 3
USUAL_FOCAL = 1.2
"""Focal length over the longer side, where nothing is known (a phone's is about 0.8, a kit lens 0.7 to 2)."""

_EXIF_IFD, _MAKE, _MODEL, _FOCAL_MM, _FOCAL_35 = 0x8769, 271, 272, 37386, 41989


@dataclass(frozen=True)
class ListedCamera:
    """One camera: size and focal length in pixels, whether EXIF told it, and its photographs' file names."""

    width: int
    height: int
    focal_px: float
    focal_known: bool
    photos: list[str]


def run(run: Run) -> Facts:
    """Write the cameras."""
    paths = sorted(PHOTOS.glob("*.jpg"))
    if len(paths) < FEWEST_PHOTOS:
        raise StepError(
            "too-few-photos",
            f"{len(paths)} photos are too few for a model.",
            f"Take at least {FEWEST_PHOTOS}, better 20, that overlap by two thirds.",
        )
    groups: dict[tuple[object, ...], list[Path]] = {}
    for done, path in enumerate(paths, start=1):
        groups.setdefault(_camera_key(path), []).append(path)
        say_progress(done, len(paths))
    longest = max(max(_size(path)) for path in paths)
    cameras = [_camera(members, run.focal_px, longest) for members in groups.values()]
    target = Path(CAMERAS)
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([asdict(camera) for camera in cameras], indent=1), encoding="utf-8")
    return {
        "photos": len(paths),
        "cameras": len(cameras),
        "focal_from_exif": sum(len(camera.photos) for camera in cameras if camera.focal_known),
    }


def read_cameras() -> list[ListedCamera]:
    """What step 0 wrote."""
    return [ListedCamera(**camera) for camera in json.loads(Path(CAMERAS).read_text(encoding="utf-8"))]


def _camera_key(path: Path) -> tuple[object, ...]:
    with Image.open(path) as image:
        exif = image.getexif()
        details = exif.get_ifd(_EXIF_IFD)
        told = (exif.get(_MAKE), exif.get(_MODEL), details.get(_FOCAL_MM), details.get(_FOCAL_35))
        return (*image.size, *(str(value) for value in told))


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _camera(members: list[Path], assumed_px: float | None, longest: int) -> ListedCamera:
    """`assumed_px` counts for a photograph whose longer side is `longest`."""
    width, height = _size(members[0])
    inferred = pycolmap.infer_camera_from_image(members[0])
    known = bool(inferred.has_prior_focal_length)
    focal = float(inferred.mean_focal_length())
    if not known:
        side = max(width, height)
        focal = assumed_px * side / longest if assumed_px is not None else USUAL_FOCAL * side
    return ListedCamera(width, height, focal, known, [path.name for path in members])
