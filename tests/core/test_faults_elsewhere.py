"""Faults beside the loop: on threads and devices, in streams and worker processes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.core.faults import (
    CPU,
    ERRORS,
    GPU,
    PROCESS,
    Fault,
    Handles,
    assert_sound,
    steps,
    struck,
    sweep,
)
from xy_core.core import executors, processes
from xy_core.core.batching import Batching
from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import TaskCancelled, WorkerCrashed
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskStatus, TaskType

# -- threads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*ERRORS, TaskCancelled])
@pytest.mark.parametrize("task_type", [CPU, GPU], ids=lambda one: one.value)
def test_at_every_step_on_a_thread(kind, task_type, config):
    async def scenario(fault: Fault) -> None:
        lock = threading.Lock()

        def work() -> None:
            for _ in range(2):
                checkpoint()
                with lock:
                    fault.step()

        async with GlobalTaskScheduler(config()) as scheduler:
            handles = [scheduler.submit(work, task_type=task_type) for _ in range(4)]
            await assert_sound(scheduler, handles, fault)
            told = Counter(handle.info.status for handle in handles)
            assert told[TaskStatus.COMPLETED] == 4 - fault.struck

    assert sweep(kind, scenario) == 8


def test_cancelling_at_every_step_on_a_thread(config):
    async def scenario(fault: Fault) -> None:
        loop = asyncio.get_running_loop()
        lock = threading.Lock()
        async with GlobalTaskScheduler(config()) as scheduler:
            handles: Handles = []

            def work(number: int) -> None:
                for _ in range(2):
                    with lock:
                        if fault.due():
                            loop.call_soon_threadsafe(handles[number].cancel)
                    checkpoint()

            for number in range(4):
                handles.append(scheduler.submit(work, number, task_type=CPU))
            await assert_sound(scheduler, handles, fault)

    assert sweep(asyncio.CancelledError, scenario) == 8


def test_a_loop_that_closes_while_a_thread_works(config):
    """The thread ends later, and has nobody to tell; nothing hangs, nothing is written."""
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        try:
            release.wait(20)
        finally:
            ended.set()

    async def main() -> None:
        scheduler = GlobalTaskScheduler(config())
        await scheduler.start()
        scheduler.submit(work, task_type=CPU)
        scheduler.submit(steps)

    asyncio.run(main())
    release.set()
    assert ended.wait(20)


# -- devices ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_step_of_a_coroutine_on_a_device(kind, config):
    async def work(fault: Fault) -> None:
        await struck(fault, steps())

    async def scenario(fault: Fault) -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            handles = [scheduler.submit(work, fault, task_type=GPU) for _ in range(4)]
            await assert_sound(scheduler, handles, fault)

    assert sweep(kind, scenario) >= 16


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_run_of_a_batch(kind, config):
    """A failed batch is taken apart, so that at most one of its tasks fails."""

    async def scenario(fault: Fault) -> None:
        def work(numbers: list[int]) -> list[int]:
            fault.step()
            return numbers

        async with GlobalTaskScheduler(config()) as scheduler:
            scheduler.lane("device:cpu").pause()
            handles = [
                scheduler.submit(work, number, task_type=GPU, batching=Batching(max_size=3))
                for number in range(5)
            ]
            scheduler.lane("device:cpu").resume()
            await assert_sound(scheduler, handles, fault)
            failed = [handle for handle in handles if handle.info.status is TaskStatus.FAILED]
            assert not failed

    assert sweep(kind, scenario) >= 2


def _same(numbers: list[int]) -> list[int]:
    return numbers


@pytest.mark.parametrize("kind", ERRORS)
def test_at_every_start_of_a_batch(kind, config, monkeypatch):
    original = executors.DeviceExecutor.start

    async def scenario(fault: Fault) -> None:
        def start(self: Any, job: Any, ended: Any) -> None:
            fault.step()
            original(self, job, ended)

        monkeypatch.setattr(executors.DeviceExecutor, "start", start)
        async with GlobalTaskScheduler(config()) as scheduler:
            handles = [
                scheduler.submit(_same, number, task_type=GPU, batching=Batching(max_size=3))
                for number in range(5)
            ]
            await assert_sound(scheduler, handles, fault)

    assert sweep(kind, scenario) >= 2


# -- streams ---------------------------------------------------------------------------------


def producers(fault: Fault) -> dict[TaskType, Callable[..., Any]]:
    async def on_loop() -> AsyncIterator[int]:
        for number in range(4):
            fault.step()
            yield number
            await asyncio.sleep(0)

    def on_thread() -> Iterator[int]:
        for number in range(4):
            fault.step()
            yield number

    return {TaskType.DEFAULT: on_loop, CPU: on_thread}


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("task_type", [TaskType.DEFAULT, CPU], ids=lambda one: one.value)
def test_at_every_item_of_a_producer(kind, task_type, config):
    async def scenario(fault: Fault) -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            stream = scheduler.stream(producers(fault)[task_type], buffer=1, task_type=task_type)
            got: list[int] = []
            try:
                async for item in stream:
                    got.append(item)  # noqa: PERF401 - what came before an error counts
            except (LookupError, TaskCancelled):
                assert fault.struck
            assert got == list(range(len(got)))
            assert fault.struck or len(got) == 4
            await assert_sound(scheduler, [stream._handle], fault)

    assert sweep(kind, scenario) == 4


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("task_type", [TaskType.DEFAULT, CPU], ids=lambda one: one.value)
def test_at_every_await_of_a_consumer(kind, task_type, config):
    async def consume(stream: Any) -> None:
        async with stream:
            async for _ in stream:
                await asyncio.sleep(0)

    async def scenario(fault: Fault) -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            never = Fault(kind, -1)
            stream = scheduler.stream(producers(never)[task_type], buffer=1, task_type=task_type)
            try:
                await struck(fault, consume(stream))
            except (LookupError, asyncio.CancelledError):
                assert fault.struck
                await stream.aclose()
            await assert_sound(scheduler, [stream._handle], fault)

    assert sweep(kind, scenario) >= 5


# -- processes -------------------------------------------------------------------------------


def leave() -> None:
    """End the worker process."""
    os._exit(3)


def fail() -> None:
    """Fail in an ordinary way."""
    raise LookupError("injected")


class Unsendable:
    """Cannot be sent: its own __reduce__ fails."""

    def __reduce__(self) -> Any:
        raise LookupError("injected")


def make_unsendable() -> Unsendable:
    """Return what cannot be sent back."""
    return Unsendable()


async def test_every_way_in_which_a_worker_process_can_fail(config, monkeypatch):
    """Before the start, on the way there, in the middle, on the way back."""
    original = processes.Worker
    failing = iter([True])

    def start(limits: Any) -> Any:
        if next(failing, False):
            raise OSError("no process can be started")
        return original(limits)

    monkeypatch.setattr(processes, "Worker", start)
    async with GlobalTaskScheduler(config()) as scheduler, asyncio.timeout(60):
        handles = [scheduler.submit(os.getpid, task_type=PROCESS)]
        with pytest.raises(OSError, match="no process"):
            await handles[0]
        wrong: list[tuple[Any, tuple[Any, ...], type[BaseException]]] = [
            (leave, (), WorkerCrashed),
            (fail, (), LookupError),
            (make_unsendable, (), Exception),
            (repr, (Unsendable(),), Exception),
        ]
        for fn, args, error in wrong:
            handle = scheduler.submit(fn, *args, task_type=PROCESS)
            handles.append(handle)
            with pytest.raises(error):
                await handle
        handles.append(scheduler.submit(os.getpid, task_type=PROCESS))
        assert await handles[-1] != os.getpid()
        for handle in handles:
            await handle.released()
        figures = scheduler.statistics()["process"]
        assert (figures.waiting, figures.running) == (0, 0)
        assert figures.ended["failed"] == 5
        assert figures.ended["completed"] == 1
