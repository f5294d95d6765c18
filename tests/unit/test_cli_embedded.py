"""What becomes of a run's folder when its job has failed."""

from __future__ import annotations

import pytest
from cli_makers import job

from naomesh.bootstrap import Onion
from naomesh.cli.embedded import _failure
from naomesh.cli.outfolder import OutFolder
from naomesh.errors import JobError, PhotosError, ResourceError
from naomesh.jobs.states import JobState


@pytest.fixture
def folder(tmp_path):
    """The folder of a run that has begun."""
    folder = OutFolder(tmp_path / "out")
    folder.make()
    return folder


def failed(code, message):
    """A failed job."""
    return job("a", state=JobState.FAILED, error_code=code, error_message=message, error_step=5)


def test_photos_that_make_no_model_leave_nothing_behind(folder, tmp_path):
    """Photos that do not overlap are refused like photos that cannot be read: nothing stays."""
    onion = Onion.at(folder.state)
    onion.open()
    error = _failure(onion, folder, failed("photos-do-not-overlap", "only 3 of 14 photos could be placed"))
    assert isinstance(error, PhotosError)
    assert error.code == "photos-do-not-overlap"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "kind"), [("disk-full", ResourceError), ("step-failed", JobError)])
def test_what_can_be_retried_stays(folder, code, kind):
    """A full disk or a failed step keeps its checkpoints, and the error says how to go on."""
    error = _failure(Onion.at(folder.state), folder, failed(code, "It went wrong."))
    assert isinstance(error, kind)
    assert error.code == code
    assert "same command" in error.mend
    assert folder.state.is_dir()
