"""What each step must have written, counted. Exit codes lie: see `OpenmvgOpenmvsEngine.check`.

Sizes of empty files, formats and messages are those of openMVG of March 2024 and openMVS 2.3.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from naomesh.engines.base import Facts, NodeFiles, Outcome, Step, StepTask
from naomesh.engines.openmvg_openmvs import steps
from naomesh.engines.openmvg_openmvs.failures import failed, starved
from naomesh.engines.openmvg_openmvs.ply import PlyHeader, read_header
from naomesh.errors import NaomeshError, PhotosError

FEWEST_PHOTOS = 2
FEWEST_CAMERAS = 3
LEAST_SHARE = 0.5
"""With less than this share of the photographs placed, the model would not be what was photographed."""
FEWEST_FEATURES = 20
FEWEST_POINTS = 100
EMPTY_MATCHES_BYTES = 9
"""What openMVG writes for no match at all."""
DESCRIPTOR_BYTES = 128
NO_INTRINSIC = 2**32 - 1
PNG = b"\x89PNG\r\n\x1a\n"

_CALIBRATED = re.compile(r"#Camera calibrated: (\d+) from (\d+) input images")
_TRACKS = re.compile(r"#Tracks, #3D points: (\d+)")
_PAIRS = re.compile(r"#Putative pairs: (\d+)")
_ALONE = re.compile(r"^\s*#singleton: (\d+)")
_EXPORTED = re.compile(r"(\d+) images \((\d+) calibrated\)")
_UNPLACED = re.compile(r"Cannot read the corresponding pose or intrinsic of view (\d+)")
_UNKNOWN_CAMERA = re.compile(r'model "([^"]+)" doesn\'t exist in the database')
_NO_FOCAL = re.compile(r"no defined intrinsic data")


def check_step(step: Step, task: StepTask, files: NodeFiles, outcome: Outcome) -> Facts:
    """What the step wrote, counted; raises as `Engine.check` says."""
    if error := starved(step, outcome):
        raise error
    return _CHECKS[step.number](_Step(step, task, files, outcome))


@dataclass(frozen=True)
class _Step:
    step: Step
    task: StepTask
    files: NodeFiles
    outcome: Outcome

    def size(self, path: str) -> int:
        """Bytes of a file; 0 where there is none."""
        return self.files.size(path) or 0

    def failed(self, wrong: str) -> NaomeshError:
        """The error for a step that went wrong without the photographs being the cause."""
        return failed(self.step, self.outcome, wrong)

    def require_success(self) -> None:
        """An exit code that is not 0 never lies."""
        if self.outcome.exit_code:
            raise self.failed("failed")

    def require(self, path: str, smallest: int = 1) -> int:
        """The bytes of a file that must be there and not be empty, after a program that must have succeeded."""
        self.require_success()
        size = self.files.size(path)
        if size is None:
            raise self.failed(f"did not write {PurePosixPath(path).name}")
        if size < smallest:
            raise self.failed(f"left {PurePosixPath(path).name} empty")
        return size

    def require_ply(self, path: str, element: str, fewest: int) -> PlyHeader:
        """The header of a PLY file that must hold so many vertices or faces, and all of them."""
        size = self.require(path)
        header = read_header(self.files.read(path, 1 << 16))
        if header is None:
            raise self.failed(f"wrote {PurePosixPath(path).name} that is no PLY file")
        if header.counts.get(element, 0) < fewest:
            raise self.failed(f"found no surface: {header.counts.get(element, 0)} {element}s")
        if size < header.least_bytes:
            raise self.failed(f"broke off in the middle of {PurePosixPath(path).name}")
        return header

    def first(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The last line of the tail that matches."""
        matches = (pattern.search(line) for line in reversed(self.outcome.tail))
        return next((match for match in matches if match), None)

    def listing(self) -> tuple[list[dict[str, Any]], int]:
        """The views of openMVG's image listing, in order of their number, and how many cameras it tells apart."""
        size = self.files.size(steps.LISTING)
        if not size:
            raise self.failed(f"has no list of photos in {steps.LISTING}")
        try:
            listed = json.loads(self.files.read(steps.LISTING, size))
            views = [view["value"]["ptr_wrapper"]["data"] for view in listed["views"]]
            return sorted(views, key=lambda view: int(view["id_view"])), len(listed["intrinsics"])
        except (ValueError, KeyError, TypeError) as error:
            raise self.failed("wrote a listing that cannot be read") from error

    def given(self, names: list[str]) -> list[str]:
        """The photographs' names as their owner knows them, where photos.json tells them."""
        if self.files.size("photos.json") is None:
            return names
        try:
            used = json.loads(self.files.read("photos.json", 1 << 26))["used"]
            known = {PurePosixPath(photo["file"]).name: str(photo["name"]) for photo in used}
        except (ValueError, KeyError, TypeError):
            return names
        return [known.get(name, name) for name in names]


def _listing(at: _Step) -> Facts:
    photos = [PurePosixPath(path).name for path in at.files.glob("photos/*")]
    if len(photos) < FEWEST_PHOTOS:
        raise _too_few(len(photos))
    at.require(steps.LISTING)
    views, cameras = at.listing()
    used = {str(view["filename"]) for view in views}
    left_out = at.given(sorted(set(photos) - used))
    if len(used) < FEWEST_PHOTOS:
        raise PhotosError(
            f"{len(left_out)} of {len(photos)} photos cannot be read: {_names(left_out)}.",
            mend="Copy them again from the camera; openMVG reads JPEG, PNG and TIFF.",
            code="photos-unreadable",
        )
    if cameras == 0:
        raise _no_focal(at, [str(view["filename"]) for view in views])
    blind = at.given([str(view["filename"]) for view in views if int(view["id_intrinsic"]) == NO_INTRINSIC])
    return {"photos": len(used), "cameras": cameras, "left_out": left_out, "photos_without_focal": blind}


def _features(at: _Step) -> Facts:
    at.require_success()
    views, _ = at.listing()
    names = [str(view["filename"]) for view in views]
    counts = {name: _count_features(at, PurePosixPath(name).stem) for name in names}
    unread = at.given([name for name, count in counts.items() if count is None])
    if len(names) - len(unread) < FEWEST_PHOTOS:
        raise PhotosError(
            f"{len(unread)} of {len(names)} photos cannot be read: {_names(unread)}.",
            mend="Copy them again from the camera.",
            code="photos-unreadable",
        )
    plain = [name for name, count in counts.items() if count is not None and count < FEWEST_FEATURES]
    if len(names) - len(unread) - len(plain) < FEWEST_PHOTOS:
        raise PhotosError(
            f"{len(plain)} of {len(names)} photos show too little detail to be placed.",
            mend="Photograph textured surfaces, sharp and in good light.",
            code="photos-without-detail",
        )
    return {
        "photos": len(names) - len(unread),
        "features": sum(count or 0 for count in counts.values()),
        "photos_without_detail": len(plain),
        "left_out": unread,
    }


def _count_features(at: _Step, stem: str) -> int | None:
    """A .desc file holds a count of 8 bytes, then 128 bytes per feature; None where a file is missing or empty."""
    descriptors = at.size(f"sfm/matches/{stem}.desc")
    if not descriptors or at.files.size(f"sfm/matches/{stem}.feat") is None:
        return None
    return (descriptors - 8) // DESCRIPTOR_BYTES


def _pairs(at: _Step) -> Facts:
    at.require_success()
    size = at.files.size(steps.PAIRS)
    if size is None:
        raise at.failed("did not write pairs.bin")
    if size == 0:
        raise _too_few(min(len(at.listing()[0]), 1))
    return {"pairs": len(at.files.read(steps.PAIRS, size).splitlines())}


def _matches(at: _Step) -> Facts:
    if at.require(steps.PUTATIVE) <= EMPTY_MATCHES_BYTES:
        raise _no_overlap(0, len(at.listing()[0]))
    found = at.first(_PAIRS)
    return {"matched_pairs": int(found[1])} if found else {}


def _filter(at: _Step) -> Facts:
    photos = len(at.listing()[0])
    if at.require(steps.FILTERED) <= EMPTY_MATCHES_BYTES:
        raise _no_overlap(0, photos)
    alone = at.first(_ALONE)
    return {"photos_without_matches": min(int(alone[1]), photos)} if alone else {}


def _sfm(at: _Step) -> Facts:
    views, _ = at.listing()
    if at.first(_NO_FOCAL):
        raise _no_focal(at, [str(view["filename"]) for view in views])
    counted = at.first(_CALIBRATED)
    placed = int(counted[1]) if counted else 0
    if not at.size(steps.SPARSE) and at.outcome.exit_code in (0, 1):
        raise _no_overlap(placed, len(views))
    at.require(steps.SPARSE, 100)
    if counted and placed < max(FEWEST_CAMERAS, len(views) * LEAST_SHARE):
        raise _no_overlap(placed, len(views))
    points = at.first(_TRACKS)
    facts: Facts = {"photos": len(views)}
    if counted:
        facts["registered"] = placed
    if points:
        facts["sparse_points"] = int(points[1])
    return facts


def _export(at: _Step) -> Facts:
    at.require(steps.SCENE, 100)
    pictures = at.files.glob("mvs/images/*")
    empty = [path for path in pictures if not at.size(path)]
    if not pictures or empty:
        raise at.failed(f"left {len(empty)} of {len(pictures)} undistorted photos empty")
    facts: Facts = {"left_out": at.given(_unplaced(at))}
    if exported := at.first(_EXPORTED):
        facts["registered"] = int(exported[2])
        if len(pictures) < int(exported[1]):
            raise at.failed(f"undistorted only {len(pictures)} of {exported[1]} photos")
    return facts


def _unplaced(at: _Step) -> list[str]:
    numbers = {int(match[1]) for line in at.outcome.tail for match in _UNPLACED.finditer(line)}
    return [str(view["filename"]) for view in at.listing()[0] if int(view["id_view"]) in numbers] if numbers else []


def _densify(at: _Step) -> Facts:
    at.require("mvs/scene_dense.mvs")
    return {"points": at.require_ply(steps.DENSE, "vertex", FEWEST_POINTS).counts["vertex"]}


def _mesh(at: _Step) -> Facts:
    return _count_faces(at.require_ply(steps.MESH, "face", 1))


def _refine(at: _Step) -> Facts:
    return _count_faces(at.require_ply(steps.REFINED, "face", 1))


def _count_faces(header: PlyHeader) -> Facts:
    return {"vertices": header.counts["vertex"], "faces": header.counts["face"]}


def _texture(at: _Step) -> Facts:
    header = at.require_ply(steps.TEXTURED, "face", 1)
    if "texcoord" not in header.properties:
        raise at.failed("painted no texture")
    size = at.require(steps.TEXTURE, 64)
    head = at.files.read(steps.TEXTURE, 24)
    if not head.startswith(PNG):
        raise at.failed(f"wrote {PurePosixPath(steps.TEXTURE).name} ({size} bytes) that is no PNG file")
    width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
    textures = len(at.files.glob("mvs/scene_dense_mesh_refine_texture*.png"))
    return {**_count_faces(header), "texture_width": width, "texture_height": height, "textures": textures}


def _too_few(photos: int) -> PhotosError:
    return PhotosError(
        "there is only one photo." if photos else "there are no photos.",
        mend=f"Take at least {FEWEST_CAMERAS}, better 20, that overlap by two thirds.",
        code="photos-one" if photos else "photos-none",
    )


def _no_overlap(placed: int, photos: int) -> PhotosError:
    only = f"only {placed}" if placed else "none"
    return PhotosError(
        f"{only} of {photos} photos could be placed; neighbours should share about two thirds of the picture.",
        mend="Take more photos in between, each a small step from the last.",
        code="photos-do-not-overlap",
    )


def _no_focal(at: _Step, names: list[str]) -> PhotosError:
    if unknown := at.first(_UNKNOWN_CAMERA):
        wrong = f"openMVG's database of cameras does not know the {unknown[1]}"
    else:
        wrong = f"none of the {len(names)} photos says its focal length (EXIF)"
    return PhotosError(
        f"{wrong}, so the photos cannot be placed.",
        mend="Use the photos as they came from the camera, or the engine pocket, which finds the focal length itself.",
        code="photos-no-focal-length",
    )


def _names(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


_CHECKS: dict[int, Callable[[_Step], Facts]] = {
    0: _listing,
    1: _features,
    2: _pairs,
    3: _matches,
    4: _filter,
    5: _sfm,
    11: _export,
    12: _densify,
    13: _mesh,
    14: _refine,
    15: _texture,
}
