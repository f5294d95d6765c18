"""What a photograph's EXIF says that matters here: how it was held, which camera took it, with which focal length."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass

from PIL import Image

warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # malformed EXIF is no news to the user

MAKE, MODEL, ORIENTATION = 271, 272, 274
FOCAL_MM, FOCAL_35MM = 37386, 41989
_PLANE_RESOLUTION, _PLANE_UNIT, _PIXEL_WIDTH, _PIXEL_HEIGHT = 41486, 41488, 40962, 40963
_DETAILS = 0x8769
_FILM_MM = 36.0
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_MALFORMED = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, ArithmeticError)


@dataclass(frozen=True)
class Exif:
    """`orientation` 1 to 8; `focal_mm` and `focal_35mm` 0 where they are not told."""

    orientation: int = 1
    make: str = ""
    model: str = ""
    focal_mm: float = 0.0
    focal_35mm: float = 0.0
    plane_px_per_mm: float = 0.0
    plane_side_px: float = 0.0

    @property
    def camera(self) -> str:
        """Make and model, in one line."""
        model = self.model if not self.make or self.model.startswith(self.make) else f"{self.make} {self.model}"
        return model.strip() or self.make

    def focal_px(self, longer_side: int) -> float | None:
        """The focal length in pixels of a picture with that longer side; None where EXIF has no sensible one.

        The 35 mm equivalent counts by the longer side, 36 mm, as COLMAP and openMVG count it.
        """
        focal = self.focal_35mm / _FILM_MM * longer_side
        if not focal and self.plane_side_px:
            focal = self.focal_mm * self.plane_px_per_mm * longer_side / self.plane_side_px
        sensible = 0.2 < focal / longer_side < 30
        return round(focal, 2) if sensible else None

    def carried_over(self) -> Image.Exif:
        """The part that a re-encoded, upright picture keeps."""
        exif = Image.Exif()
        exif[ORIENTATION] = 1
        for tag, text in ((MAKE, self.make), (MODEL, self.model)):
            if text:
                exif[tag] = text
        details = exif.get_ifd(_DETAILS)
        if self.focal_mm:
            details[FOCAL_MM] = self.focal_mm
        if self.focal_35mm:
            details[FOCAL_35MM] = round(self.focal_35mm)
        return exif


def read_exif(image: Image.Image) -> Exif:
    """What the picture's EXIF says; a malformed one says nothing."""
    try:
        exif = image.getexif()
        details = exif.get_ifd(_DETAILS)
    except (*_MALFORMED, struct.error):
        return Exif()
    orientation = exif.get(ORIENTATION)
    return Exif(
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        make=_text(exif.get(MAKE)),
        model=_text(exif.get(MODEL)),
        focal_mm=_number(details.get(FOCAL_MM)),
        focal_35mm=_number(details.get(FOCAL_35MM)),
        plane_px_per_mm=_number(details.get(_PLANE_RESOLUTION)) / _MM_PER_UNIT.get(details.get(_PLANE_UNIT, 2), 25.4),
        plane_side_px=max(_number(details.get(_PIXEL_WIDTH)), _number(details.get(_PIXEL_HEIGHT))),
    )


def _text(value: object) -> str:
    return " ".join(value.replace("\0", " ").split()) if isinstance(value, str) else ""


def _number(value: object) -> float:
    """A finite positive number, or 0."""
    try:
        number = float(value)  # type: ignore[arg-type]  # anything can stand in EXIF: what is no number raises
    except _MALFORMED:
        return 0.0
    return number if 0 < number < 1e9 else 0.0
