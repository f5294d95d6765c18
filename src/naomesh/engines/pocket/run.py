"""What a step gets to know when it runs."""

from __future__ import annotations

from dataclasses import dataclass

from naomesh.engines.pocket.presets import Preset


@dataclass(frozen=True)
class Run:
    """`focal_px`: focal length to assume where EXIF has none, in pixels of the largest photograph."""

    preset: Preset
    threads: int
    focal_px: float | None = None


SEED = 20230401
"""Of everything random, so that the same photographs give the same model."""
