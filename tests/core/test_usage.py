"""What a module submits stands on its account, and on nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from xy_core.core.cancellation import checkpoint
from xy_core.core.task import TaskType
from xy_core.core.usage import ModuleScheduler, ModuleUsage


async def fail() -> None:
    raise LookupError


async def numbers() -> AsyncIterator[int]:
    for number in range(3):
        yield number


async def test_every_kind_of_task_is_accounted(single):
    usage, other = ModuleUsage(), ModuleUsage()
    scheduler = ModuleScheduler(single, usage)
    await ModuleScheduler(single, other).run(asyncio.sleep, 0)
    await scheduler.run(asyncio.sleep, 0.01)
    await scheduler.run(checkpoint, task_type=TaskType.CPU_BOUND)
    assert [item async for item in scheduler.stream(numbers)] == [0, 1, 2]
    with pytest.raises(LookupError):
        await scheduler.run(fail)
    running, waiting = scheduler.submit(asyncio.Event().wait), scheduler.submit(fail)
    account = usage.as_json()
    assert account["submitted"] == 6
    assert account["tasks"] == {
        "pending": 1,
        "running": 1,
        "completed": 3,
        "failed": 1,
        "cancelled": 0,
        "timed_out": 0,
    }
    assert account["run_seconds"] >= 0.01
    waiting.cancel()
    running.cancel()
    tasks = usage.as_json()["tasks"]
    assert (tasks["pending"], tasks["running"], tasks["cancelled"]) == (0, 0, 2)
    assert other.as_json()["submitted"] == 1


async def test_it_is_the_very_same_scheduler(single):
    scheduler = ModuleScheduler(single, ModuleUsage())
    handle = scheduler.submit(asyncio.sleep, 0)
    assert single.task(handle.task_id) is handle.info
    assert scheduler.lane("default") is single.lane("default")
    scheduler.limit_key("key", 1)
    assert single._limits == {"key": 1}
    await handle
