"""The pocket engine on real photographs of a bronze relief, quality bad."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pocket_support import Run, run_engine

from naomesh.jobs.request import Quality
from naomesh.testing.measure import psnr_db

RELIEF = Path(__file__).resolve().parents[3] / "shared/data/photos/relief"

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def relief(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The whole engine, once."""
    folder: Path = tmp_path_factory.mktemp("relief")
    shutil.copytree(RELIEF, folder / "photos")
    return run_engine(folder, Quality.BAD)


def test_every_photo_is_placed(relief: Run) -> None:
    """All 14 are registered."""
    assert relief.facts[5]["registered"] == 14


def test_the_model_is_fine_enough(relief: Run) -> None:
    """It has at least 50,000 faces."""
    assert len(relief.model().faces) >= 50_000


def test_it_fits_into_a_small_machine(relief: Run) -> None:
    """No step takes more than 1.2 GB, all its processes together."""
    assert relief.peak_bytes <= 1_200_000_000


def test_the_texture_looks_like_the_photos(relief: Run) -> None:
    """Drawn from the photographs' own cameras, the model agrees with them at 24 dB."""
    assert psnr_db(relief.model(), relief.undistorted) >= 24.0
