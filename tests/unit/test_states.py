"""The table of states and legal moves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naomesh.jobs.request import valid_job_id
from naomesh.jobs.states import ACTIVE, ENDED, MOVES, JobState, legal, sources_of


def test_every_state_has_its_row() -> None:
    """A state without a row would be one that nobody thought about."""
    assert set(MOVES) == set(JobState)


def test_every_job_can_come_to_an_end() -> None:
    """From every state that is not an end, an end can be reached."""
    for start in JobState:
        reached, new = {start}, {start}
        while new:
            new = {target for state in new for target in MOVES[state]} - reached
            reached |= new
        assert start in ENDED or start is JobState.DELETING or reached & ENDED


def test_running_needs_a_grant() -> None:
    """Nothing runs that was not granted, and nothing is granted that did not wait."""
    assert sources_of(JobState.RUNNING) == {JobState.GRANTED}
    assert sources_of(JobState.GRANTED) == {JobState.WAITING}


def test_only_ended_jobs_are_deleted() -> None:
    """What is alive is cancelled first."""
    assert sources_of(JobState.DELETING) == ENDED


@given(st.lists(st.sampled_from(JobState), min_size=2))
def test_sources_and_targets_tell_the_same(states: list[JobState]) -> None:
    """`legal`, `MOVES` and `sources_of` are three views of one table."""
    for source, target in pairwise(states):
        assert legal(source, target) == (target in MOVES[source]) == (source in sources_of(target))


def test_active_and_ended_exclude_each_other() -> None:
    """A job that holds a node has not ended."""
    assert not ACTIVE & ENDED


@pytest.mark.parametrize("job_id", ["7", "20261124-0a1b2c", "relief_2.good"])
def test_plain_names_are_job_ids(job_id: str) -> None:
    """Letters, digits, dots, dashes and underscores make an id."""
    assert valid_job_id(job_id)


@pytest.mark.parametrize("job_id", ["", "a/b", "..", "a..b", "/etc", ".hidden", "a b", "a\nb", "ä", "x" * 129, "-rf"])
def test_everything_else_is_not(job_id: str) -> None:
    """An id is the name of folders and of keys: nothing in it may climb, hide or look like an option."""
    assert not valid_job_id(job_id)
