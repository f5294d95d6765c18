"""Engines by name."""

from __future__ import annotations

import pytest

from naomesh.engines import ENGINES, FAKES, build
from naomesh.errors import UsageError
from naomesh.settings import EngineSettings


@pytest.mark.parametrize("name", [*FAKES, *ENGINES])
def test_an_engine_is_built_by_its_name(name: str) -> None:
    """The settings name the engine, and the engine knows its name."""
    assert build(EngineSettings(name=name)).name == name


def test_an_unknown_engine_is_refused_with_the_list() -> None:
    """A wrong name is answered with the names there are, without those that are for tests."""
    with pytest.raises(UsageError) as caught:
        build(EngineSettings(name="colmap"))
    assert caught.value.code == "unknown-engine"
    assert "'colmap'" in caught.value.message
    assert caught.value.mend.endswith(f"{', '.join(ENGINES)}.")
