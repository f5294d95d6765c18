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
from naomesh.engines.messages import say_progress
from naomesh.engines.photos import PhotoReport
from naomesh.engines.pocket.colmap import pycolmap
from naomesh.engines.pocket.report import StepError
from naomesh.engines.pocket.run import Run
from naomesh.engines.pocket.steps import CAMERAS

PHOTOS = Path("photos")
REPORT = Path("photos.json")
FEWEST_PHOTOS = 3
USUAL_FOCAL = 1.2
"""Focal length over the longer side, where nothing is known (a phone's is about 0.8, a kit lens 0.7 to 2)."""


@dataclass(frozen=True)
class ListedCamera:
    """One camera: size and focal length in pixels, whether EXIF told it, and its photographs' file names."""

    width: int
    height: int
    focal_px: float
    focal_known: bool
    photos: list[str]


@dataclass(frozen=True)
class _Traits:
    """What photographs of one camera share."""

    width: int
    height: int
    focal_px: float | None
    camera: str


def run(run: Run) -> Facts:
    """Write the cameras."""
    names = sorted(path.name for path in PHOTOS.glob("*.jpg"))
    if len(names) < FEWEST_PHOTOS:
        raise StepError(
            "photos-too-few",
            f"{len(names)} photos are too few for a model.",
            f"Take at least {FEWEST_PHOTOS}, better 20, that overlap by two thirds.",
        )
    known = _told_traits()
    groups: dict[_Traits, list[str]] = {}
    for done, name in enumerate(names, start=1):
        traits = known.get(name) or _measured_traits(PHOTOS / name)
        groups.setdefault(traits, []).append(name)
        say_progress(done, len(names))
    longest = max(max(traits.width, traits.height) for traits in groups)
    cameras = [_camera(traits, members, run.focal_px, longest) for traits, members in groups.items()]
    target = Path(CAMERAS)
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([asdict(camera) for camera in cameras], indent=1), encoding="utf-8")
    return {
        "photos": len(names),
        "cameras": len(cameras),
        "focal_from_exif": sum(len(camera.photos) for camera in cameras if camera.focal_known),
    }


def read_cameras() -> list[ListedCamera]:
    """What step 0 wrote."""
    return [ListedCamera(**camera) for camera in json.loads(Path(CAMERAS).read_text(encoding="utf-8"))]


def given_names() -> dict[str, str]:
    """What the owner called each photograph, by its file name, as far as that is known."""
    return dict(PhotoReport.read(REPORT).names()) if REPORT.exists() else {}


def _told_traits() -> dict[str, _Traits]:
    """What was found out when the photographs were prepared."""
    if not REPORT.exists():
        return {}
    used = PhotoReport.read(REPORT).used
    return {photo.file: _Traits(photo.width, photo.height, photo.focal_px, photo.camera) for photo in used}


def _measured_traits(path: Path) -> _Traits:
    """The same from the photograph itself; COLMAP's table of sensors helps where EXIF has millimetres alone."""
    with Image.open(path) as image:
        width, height = image.size
    inferred = pycolmap.infer_camera_from_image(path)
    focal = float(inferred.mean_focal_length()) if inferred.has_prior_focal_length else None
    return _Traits(width, height, focal, "")


def _camera(traits: _Traits, members: list[str], assumed_px: float | None, longest: int) -> ListedCamera:
    """`assumed_px` counts for a photograph whose longer side is `longest`."""
    focal = traits.focal_px
    if focal is None:
        side = max(traits.width, traits.height)
        focal = assumed_px * side / longest if assumed_px is not None else USUAL_FOCAL * side
    return ListedCamera(traits.width, traits.height, focal, traits.focal_px is not None, members)
