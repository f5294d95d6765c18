"""Khronos' validator finds nothing wrong with our GLB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from models import house

from naomesh.engines.export.results import export
from naomesh.testing import scene


@pytest.mark.parametrize("what", ["house", "scene"])
def test_glb_is_valid(tmp_path: Path, validate_gltf: Callable[[Path], dict[str, Any]], what: str) -> None:
    """No error and no warning, neither of a small model with unused corners nor of a large one."""
    model = house() if what == "house" else scene.painted(160)
    model.save(tmp_path)
    export(tmp_path, lambda _done, _total: None)
    report = validate_gltf(tmp_path / "results/model.glb")
    issues = report["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
    assert report["info"]["hasTextures"]
    assert report["info"]["totalTriangleCount"] == (16 if what == "house" else len(model.faces))
