"""Ctrl-C, SIGTERM and a closed terminal: the block cleans up, and one line says what becomes of the work."""

from __future__ import annotations

import os
import signal

import pytest

from naomesh.cli.failures import Stopped
from naomesh.cli.signals import NUMBERS, stopping_cleanly


@pytest.fixture(autouse=True)
def handlers():
    """Whatever the test does, the handlers are afterwards as they were; and the tests may run under nohup."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_the_block(number):
    """The block is left at once, and the exit code is 128 and the signal's number."""
    with pytest.raises(Stopped, match="it goes on") as stopped, stopping_cleanly("it goes on"):
        os.kill(os.getpid(), number)
        raise AssertionError("the block went on")
    assert stopped.value.exit_code == 128 + number


def test_impatience_does_not_cut_the_cleaning_short():
    """A second signal while the block cleans up is ignored."""
    cleaned = []
    with pytest.raises(Stopped), stopping_cleanly("it goes on"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)
    assert cleaned == [True]


def test_nohup_is_heeded():
    """Where a closed terminal is ignored already, as under nohup, it stays ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stopping_cleanly("it goes on"):
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_the_handlers_come_back():
    """After the block the signals do what they did before."""
    before = [signal.getsignal(number) for number in NUMBERS]
    with stopping_cleanly("it goes on"):
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in NUMBERS] == before
