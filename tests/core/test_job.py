"""The handle by which an owner holds a task."""

from __future__ import annotations

import asyncio

import pytest

from xy_core.core.errors import TaskCancelled


async def test_a_result_before_the_end_is_refused(scheduler):
    go = asyncio.Event()
    handle = scheduler.submit(go.wait)
    assert not handle.done()
    with pytest.raises(RuntimeError, match="has not ended"):
        handle.result()
    go.set()
    assert await handle is True
    assert handle.done()
    assert handle.result() is True


async def test_a_handle_shows_id_name_and_status(scheduler):
    handle = scheduler.submit(asyncio.sleep, 0, name="test.sleep")
    assert repr(handle) == f"<TaskHandle {handle.task_id} 'test.sleep' running>"
    await handle
    assert "completed" in repr(handle)


async def test_an_ended_task_cannot_be_cancelled(scheduler):
    handle = scheduler.submit(asyncio.sleep, 0, "done")
    await handle
    assert not handle.cancel()
    assert await handle == "done"


async def test_released_waits_for_the_clean_up(scheduler):
    started, clean = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await clean.wait()
            ended.append("cleaned")

    handle = scheduler.submit(work)
    await started.wait()
    handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    assert not ended
    clean.set()
    await handle.released()
    assert ended == ["cleaned"]
    await handle.released()


async def test_an_ended_task_holds_its_arguments_no_longer(scheduler):
    handle = scheduler.submit(asyncio.sleep, 0, "a large thing")
    await handle
    await handle.released()
    assert handle.args == ()
