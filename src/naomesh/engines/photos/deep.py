"""Pictures with more than eight bits: how their values become 0..255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SENSOR_BITS = (8, 10, 12, 14, 16, 24, 31, 32)


def scaled(image: Image.Image) -> NDArray[np.uint8]:
    """Grey values of any depth as 0..255, shape (H, W).

    Whole numbers are scaled by the fewest bits, of those that sensors have, that hold them all, so that photographs of
    one camera keep their brightness among each other; others by their range.
    """
    values: NDArray[np.generic] = np.asarray(image)
    whole = bool(np.issubdtype(values.dtype, np.integer))
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if whole else _finite_range(values)
    if whole and low >= 0:
        low, high = 0.0, float(next(2**bits - 1 for bits in _SENSOR_BITS if high < 2**bits))
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    gain = 255 / max(high - low, 1e-12)
    eight = np.empty(values.shape, dtype=np.uint8)
    for target, row in zip(eight, values, strict=True):  # row by row: a copy in floats is four times as large
        finite = np.nan_to_num(row.astype(np.float64), nan=low, posinf=high, neginf=low)
        target[:] = np.clip(np.rint((finite - low) * gain), 0, 255)
    return eight


def _finite_range(values: NDArray[np.generic]) -> tuple[float, float]:
    finite = np.asarray(values, dtype=np.float32)
    finite = finite[np.isfinite(finite)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
