"""The check of leaks itself: it must see one."""

from __future__ import annotations

import threading

import pytest

from tests.modules import held
from tests.modules.held import TIMES, nothing_left, nothing_left_of
from xy_core.core.task import TaskType


def test_files_that_stay_open_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(held, "_WITHIN", 0.0)
    kept = []
    with pytest.raises(AssertionError, match="file"), nothing_left():
        kept += [(tmp_path / str(number)).open("w") for number in range(TIMES)]
    for file in kept:
        file.close()


def test_threads_that_go_on_are_told(monkeypatch):
    monkeypatch.setattr(held, "_WITHIN", 0.0)
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(TIMES)]
    with pytest.raises(AssertionError, match="threads"), nothing_left():
        [thread.start() for thread in threads]
    end.set()
    for thread in threads:
        thread.join()


async def test_a_task_that_still_runs_is_told(monkeypatch, scheduler):
    monkeypatch.setattr(held, "_WITHIN", 0.0)
    end = threading.Event()
    with pytest.raises(AssertionError, match=r"\(1,"):
        async with nothing_left_of(scheduler):
            task = scheduler.submit(end.wait, task_type=TaskType.CPU_BOUND)
    end.set()
    await task


async def test_what_is_given_back_is_no_leak(scheduler, tmp_path):
    async with nothing_left_of(scheduler):
        for number in range(TIMES):
            (tmp_path / str(number)).write_text("x")
            await scheduler.run(threading.active_count, task_type=TaskType.CPU_BOUND)
