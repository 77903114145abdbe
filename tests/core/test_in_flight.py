"""The page of running tasks outlives its process, and takes what it finds."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from xy_core.core.in_flight import InFlight


def test_what_entered_and_did_not_leave_is_left(tmp_path):
    page = InFlight(tmp_path / "page")
    places = [page.enter(number) for number in (3, 1, 2)]
    page.leave(places[0])
    assert page.left() == [1, 2]
    assert InFlight(tmp_path / "page").left() == [1, 2]
    page.clear()
    assert InFlight(tmp_path / "page").left() == []


def test_a_killed_process_leaves_its_tasks(tmp_path):
    code = (
        "import os, sys, pathlib\n"
        "from xy_core.core.in_flight import InFlight\n"
        "page = InFlight(pathlib.Path(sys.argv[1]))\n"
        "page.leave(page.enter(7)); page.enter(8)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "page")], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert InFlight(tmp_path / "page").left() == [8]


def test_more_tasks_than_places_run_unmarked(tmp_path):
    page = InFlight(tmp_path / "page")
    places = [page.enter(number) for number in range(1, 4_099)]
    assert places[-2:] == [-1, -1]
    for place in places:
        page.leave(place)
    assert page.left() == []
    assert page.enter(1) >= 0


@pytest.mark.parametrize("content", [b"", b"\x07", b"x" * 100, b"\xff" * 100_000], ids=len)
def test_any_bytes_are_a_page(tmp_path, content):
    (tmp_path / "page").write_bytes(content)
    page = InFlight(tmp_path / "page")
    assert all(number > 0 for number in page.left())
    page.clear()
    page.enter(5)
    assert page.left() == [5]
