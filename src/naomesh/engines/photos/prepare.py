"""From `uploads/` to `photos/`: every photograph upright, in 8-bit RGB, as a JPEG that every engine reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from naomesh.engines.photos.exif import read_exif
from naomesh.engines.photos.report import LeftOut, Photo, PhotoReport, Survey, UsedPhoto
from naomesh.engines.photos.survey import UnusableError, look_over, opened, require_enough, turn

UPLOADS, PHOTOS, REPORT = "uploads", "photos", "photos.json"
JPEG_QUALITY = 96

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

OnProgress = Callable[[int, int], None]


def prepare(workspace: Path, threads: int, on_progress: OnProgress) -> PhotoReport:
    """Turn `uploads/` (names percent-encoded) into `photos/` and `photos.json`, and remove it.

    `on_progress` is called with (done, total), from any thread.

    :raises PhotosError: fewer than two of them can be used.
    """
    uploads, target = workspace / UPLOADS, workspace / PHOTOS
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    found = look_over(
        uploads, lambda path: unquote(path.name), threads=threads, on_photo=lambda done, of: on_progress(done, 2 * of)
    )
    require_enough(found)
    done = [left.name for left in found.left_out]

    def convert_one(photo: Photo, part: Path) -> LeftOut | None:
        try:
            with nullcontext() if photo.plain else turn(photo.megapixels):
                _convert(photo, part)
        except UnusableError as unusable:
            return LeftOut(photo.name, str(unusable), photo.path, unusable.code)
        finally:
            done.append(photo.name)
            on_progress(found.given + len(done), 2 * found.given)
        return None

    with ThreadPoolExecutor(threads) as pool:
        parts = [target / f"{index:05d}.part" for index in range(len(found.usable))]
        ended = list(pool.map(convert_one, found.usable, parts))
    failed = [left for left in ended if left is not None]
    good = {part: photo for part, photo, left in zip(parts, found.usable, ended, strict=True) if left is None}
    left_out = tuple(sorted((*found.left_out, *failed), key=lambda left: left.name))
    require_enough(Survey(found.folder, tuple(good.values()), left_out))
    used = tuple(_placed(photo, part, index) for index, (part, photo) in enumerate(good.items()))
    report = PhotoReport(used, left_out)
    report.write(workspace / REPORT)
    shutil.rmtree(uploads)
    return report


def eight_bit_rgb(image: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB: deeper ones scaled by their range, transparent ones laid on white."""
    if image.mode.startswith(("I", "F")):
        from naomesh.engines.photos.deep import scaled  # numpy takes longer to import than a small set to prepare

        return Image.fromarray(scaled(image)).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(layer, mask=layer.getchannel("A"))
        return paper
    try:
        return image.convert("RGB")
    except ValueError:
        raise UnusableError(f"colours of the kind {image.mode} are not understood") from None


def _convert(photo: Photo, path: Path) -> None:
    """Write the photograph to `path`.

    :raises UnusableError: it turns out to be damaged.
    """
    if photo.plain:
        shutil.copyfile(photo.path, path)
        return
    with opened(photo.path) as image:
        exif = read_exif(image)
        rgb = eight_bit_rgb(image)
    if exif.orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[exif.orientation])
    rgb.save(path, "JPEG", quality=JPEG_QUALITY, subsampling=0, exif=exif.carried_over())


def _placed(photo: Photo, part: Path, index: int) -> UsedPhoto:
    name = f"{index:05d}.jpg"
    part.replace(part.with_name(name))
    return UsedPhoto(name, photo.name, photo.width, photo.height, photo.focal_px, photo.camera)
