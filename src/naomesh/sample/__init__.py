"""The demo's photographs: 24 views of a scene that the project made itself, so that its true shape is known.

`naomesh.testing.scene.truth()` is that shape; `photograph_all(sample_photos())` of the same module made the files.
"""

from __future__ import annotations

from pathlib import Path


def sample_photos() -> Path:
    """The folder that holds them: 24 JPEGs of 640x480."""
    return Path(__file__).parent / "photos"
