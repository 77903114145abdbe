"""Whatever fails at whichever step: no future stays stuck, and every slot comes back.

Each scenario is run again and again: the fault strikes at its first step, at its second, and so on,
until a run passes in which it never struck.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.core.faults import (
    CPU,
    ERRORS,
    GPU,
    Fault,
    Handles,
    assert_sound,
    steps,
    struck,
    submit_all_kinds,
    sweep,
)
from xy_core.core import coroutines, executors, turns
from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import SchedulerClosed
from xy_core.core.job import Job
from xy_core.core.lane import Lane
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskStatus, TaskType

# -- coroutines ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_await_of_a_runner(kind, config, monkeypatch):
    original = coroutines._Runner.run

    async def scenario(fault: Fault) -> None:
        monkeypatch.setattr(coroutines._Runner, "run", lambda self: struck(fault, original(self)))
        monkeypatch.setattr(turns, "_TURN", 0.0)  # so that runners give way between two jobs
        async with GlobalTaskScheduler(config()) as scheduler:
            await assert_sound(scheduler, submit_all_kinds(scheduler), fault)

    assert sweep(kind, scenario) >= 20


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_step_of_the_tasks_themselves(kind, config):
    async def work(fault: Fault) -> None:
        await struck(fault, steps())

    async def scenario(fault: Fault) -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            handles = [scheduler.submit(work, fault) for _ in range(5)]
            await assert_sound(scheduler, handles, fault)
            failed = [handle for handle in handles if handle.info.status is TaskStatus.FAILED]
            assert len(failed) == (fault.struck and kind is LookupError)

    assert sweep(kind, scenario) >= 20


def test_a_stray_cancellation_of_the_asyncio_task_at_every_step(config):
    async def scenario(fault: Fault) -> None:
        async def work() -> None:
            for _ in range(3):
                if fault.due():
                    asyncio.current_task().cancel()
                await asyncio.sleep(0)

        async with GlobalTaskScheduler(config()) as scheduler:
            handles = [scheduler.submit(work) for _ in range(5)]
            await assert_sound(scheduler, handles, fault)
            told = Counter(handle.info.status for handle in handles)
            assert told[TaskStatus.CANCELLED] == fault.struck

    assert sweep(asyncio.CancelledError, scenario) == 15


def test_cancelling_by_the_handle_after_every_turn_of_the_loop(config):
    """Before the start, in the middle, at the very end: each task in turn."""

    async def scenario(fault: Fault) -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            handles = submit_all_kinds(scheduler)
            while not all(handle.done() for handle in handles):
                for handle in handles:
                    if fault.due():
                        handle.cancel()
                await asyncio.sleep(0)
            await assert_sound(scheduler, handles, fault)

    assert sweep(asyncio.CancelledError, scenario) >= 20


# -- starting --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("task_type", [TaskType.DEFAULT, CPU, GPU], ids=lambda one: one.value)
def test_at_every_start_of_the_executor(kind, task_type, config, monkeypatch):
    async def work() -> None:
        await asyncio.sleep(0)

    def plain() -> None:
        checkpoint()

    fn = work if task_type is TaskType.DEFAULT else plain
    executor = {
        TaskType.DEFAULT: coroutines.CoroutineExecutor,
        CPU: executors.ThreadExecutor,
        GPU: executors.DeviceExecutor,
    }[task_type]
    original = executor.start

    async def scenario(fault: Fault) -> None:
        def start(self: Any, job: Any, ended: Any) -> None:
            fault.step()
            original(self, job, ended)

        monkeypatch.setattr(executor, "start", start)
        async with GlobalTaskScheduler(config()) as scheduler:
            handles = [scheduler.submit(fn, task_type=task_type) for _ in range(4)]
            await assert_sound(scheduler, handles, fault)
            told = Counter(handle.info.status for handle in handles)
            assert told[TaskStatus.COMPLETED] == 4 - fault.struck

    assert sweep(kind, scenario) == 4


async def test_a_function_that_raises_before_it_is_a_coroutine(config):
    def fails(*_: Any) -> Any:
        raise LookupError

    fails.__code__ = fails.__code__.replace(co_flags=fails.__code__.co_flags | 0x100)
    async with GlobalTaskScheduler(config()) as scheduler:
        handles = [scheduler.submit(steps, "no number"), scheduler.submit(steps, 1, 2, 3)]
        await assert_sound(scheduler, handles)
        assert {handle.info.status for handle in handles} == {TaskStatus.FAILED}


async def test_no_thread_can_be_started(config, monkeypatch):
    def no_thread(*_: Any, **__: Any) -> Any:
        raise RuntimeError("can't start new thread")

    async with GlobalTaskScheduler(config()) as scheduler:
        with monkeypatch.context() as patch:
            patch.setattr(ThreadPoolExecutor, "submit", no_thread)
            handles = [scheduler.submit(checkpoint, task_type=CPU) for _ in range(4)]
            for handle in handles:
                with pytest.raises(RuntimeError, match="new thread"):
                    await handle
        await assert_sound(scheduler, handles)


# -- what others do at the end of a task -------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_callback_of_a_settled_task(kind, config):
    async def scenario(fault: Fault) -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            handles = submit_all_kinds(scheduler)
            for handle in handles:
                assert isinstance(handle, Job)
                handle.on_settled = fault.step
            await assert_sound(scheduler, handles, fault)

    assert sweep(kind, scenario) == 7


async def test_submitting_from_where_a_task_has_just_ended(config):
    async with GlobalTaskScheduler(config()) as scheduler:
        handles: Handles = []

        def again() -> None:
            if len(handles) < 50:
                handle = scheduler.submit(steps, 0)
                handle.on_settled = again
                handles.append(handle)

        again()
        again()
        for handle in handles:  # more are added meanwhile
            await handle
        await assert_sound(scheduler, handles)


async def test_submitting_from_the_clean_up_of_a_cancelled_task(config):
    async with GlobalTaskScheduler(config()) as scheduler:
        handles: Handles = []
        entered = asyncio.Event()

        async def work() -> None:
            try:
                entered.set()
                await asyncio.Event().wait()
            finally:
                handles.append(scheduler.submit(steps))

        handles.append(scheduler.submit(work))
        await entered.wait()
        handles[0].cancel()
        await handles[0].released()
        await assert_sound(scheduler, handles)


# -- stopping ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_await_of_stopping(kind, config):
    """Stopping that fails half-way can be tried again, and leaves nobody waiting."""

    async def scenario(fault: Fault) -> None:
        scheduler = GlobalTaskScheduler(config())
        await scheduler.start()
        handles = [scheduler.submit(asyncio.Event().wait) for _ in range(3)]
        handles.append(scheduler.submit(checkpoint, task_type=CPU))
        await asyncio.sleep(0)
        try:
            await struck(fault, scheduler.stop(drain=0.001))
        except (LookupError, asyncio.CancelledError):
            await scheduler.stop()
        await asyncio.gather(*handles, return_exceptions=True)
        with pytest.raises(SchedulerClosed):
            scheduler.submit(steps)

    assert sweep(kind, scenario) >= 2


def test_a_lane_closed_at_every_moment_settles_everything(config):
    async def scenario(fault: Fault) -> None:
        scheduler = GlobalTaskScheduler(config())
        await scheduler.start()
        handles = submit_all_kinds(scheduler)
        lane: Lane = scheduler.lane("default")
        while not all(handle.done() for handle in handles):
            if fault.due():
                lane.close()
            await asyncio.sleep(0)
        for handle in handles:
            await handle.released()
        await scheduler.stop()

    assert sweep(asyncio.CancelledError, scenario) >= 5
