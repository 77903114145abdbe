"""The time slice of the loop's thread, as Linux tells it."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from xy_core.core.time_slice import SHORT, short_slice, slice_of_thread

known = pytest.mark.skipif(slice_of_thread() is None, reason="the system tells no time slices")


@known
def test_it_is_short_inside_the_block_and_as_before_after_it():
    before = slice_of_thread()
    with short_slice():
        assert slice_of_thread() == SHORT
    assert slice_of_thread() == before


@known
def test_it_ends_with_an_error_too():
    before = slice_of_thread()
    with pytest.raises(ZeroDivisionError), short_slice():
        raise ZeroDivisionError
    assert slice_of_thread() == before


@known
def test_threads_and_processes_that_begin_inside_have_the_usual_one():
    found = []
    before = slice_of_thread()
    with short_slice():
        thread = threading.Thread(target=lambda: found.append(slice_of_thread()))
        thread.start()
        thread.join()
        code = "from xy_core.core.time_slice import slice_of_thread; print(slice_of_thread())"
        child = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
    assert found == [before]
    assert int(child.stdout) == before


def test_a_system_without_it_is_left_alone(monkeypatch):
    monkeypatch.setattr("xy_core.core.time_slice.platform.machine", lambda: "pdp11")
    with short_slice():
        assert slice_of_thread() is None
