"""Whatever fails at whichever step: no future stays stuck, and every slot comes back.

Each scenario is run again and again: the fault strikes at its first step, at its second, and so on,
until a run passes in which it never struck.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import types
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from xy_core.core import coroutines, executors, processes, turns
from xy_core.core.batching import Batching
from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import SchedulerClosed, TaskCancelled, WorkerCrashed
from xy_core.core.job import Job, TaskHandle
from xy_core.core.lane import Lane
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskStatus, TaskType

Handles = list[TaskHandle[Any]]

ERRORS = [LookupError, asyncio.CancelledError]
CPU, GPU, PROCESS = TaskType.CPU_BOUND, TaskType.GPU_BOUND, TaskType.PROCESS


class Fault:
    """An error that strikes at one step of many.

    Attributes:
        struck: whether it has.
    """

    def __init__(self, kind: type[BaseException], at: int) -> None:
        self.struck = False
        self._kind = kind
        self._at = at
        self._disarmed = False
        self._steps = itertools.count()

    def step(self) -> None:
        """Pass one step of the way, or fail at it."""
        if self.due():
            raise self.error()

    def due(self) -> bool:
        """Pass one step; True if the fault is to strike at it."""
        if self._disarmed or next(self._steps) != self._at:
            return False
        self.struck = True
        return True

    def error(self) -> BaseException:
        """The error itself."""
        return self._kind("injected")

    def disarm(self) -> None:
        """Let what comes now pass undisturbed."""
        self._disarmed = True


@types.coroutine
def struck(fault: Fault, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Await a coroutine; each of its awaits, and its beginning, is a step for the fault."""
    step: Callable[..., Any] = coroutine.send
    value: Any = None
    while True:
        if fault.due():
            step, value = coroutine.throw, fault.error()
        try:
            waiting = step(value)
        except StopIteration as end:
            return end.value
        try:
            value = yield waiting
            step = coroutine.send
        except BaseException as error:  # noqa: BLE001 - it goes where it belongs
            step, value = coroutine.throw, error


def sweep(kind: type[BaseException], scenario: Callable[[Fault], Awaitable[None]]) -> int:
    """Run a scenario with the fault at each of its steps; returns how many there are."""
    for at in itertools.count():
        fault = Fault(kind, at)
        asyncio.run(_bounded(scenario(fault)))
        if not fault.struck:
            return at
    raise AssertionError


async def _bounded(scenario: Awaitable[None]) -> None:
    async with asyncio.timeout(20):
        await scenario


async def assert_sound(
    scheduler: GlobalTaskScheduler, handles: Handles, fault: Fault | None = None
) -> None:
    """Every task has ended, the books agree, and as many tasks as slots can meet again."""
    lane = handles[0].info.lane
    for handle in handles:
        await asyncio.gather(handle, return_exceptions=True)
        await handle.released()
    await scheduler.lane(lane).drain()
    figures = scheduler.statistics()[lane]
    assert (figures.waiting, figures.running) == (0, 0)
    assert all(handle.info.status.final for handle in handles)
    told = Counter(handle.info.status.value for handle in handles)
    assert {status: count for status, count in figures.ended.items() if count} == told
    assert not scheduler._active
    if fault is not None:
        fault.disarm()
    if lane == "default":
        met = asyncio.Barrier(figures.workers)
        await asyncio.gather(*(scheduler.submit(met.wait) for _ in range(figures.workers)))
    else:
        meet = threading.Barrier(figures.workers)
        kind = CPU if lane == "cpu" else GPU
        await asyncio.gather(
            *(scheduler.submit(meet.wait, 10, task_type=kind) for _ in range(figures.workers))
        )


async def steps(count: int = 2) -> int:
    """Wait a few times, and clean up with another wait."""
    try:
        for _ in range(count):
            await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
    return count


def submit_all_kinds(scheduler: GlobalTaskScheduler) -> Handles:
    """More tasks than slots, with every option that changes a task's way through the lane."""
    return [
        scheduler.submit(steps, preemptible=True, priority=TaskPriority.LOW),
        scheduler.submit(steps),
        scheduler.submit(steps, retries=1, retry_on=(LookupError,)),
        scheduler.submit(steps, key="key", timeout=5.0),
        scheduler.submit(steps, key="key", deadline=5.0),
        scheduler.submit(steps, 0, priority=TaskPriority.CRITICAL),
        scheduler.submit(steps, 0),
    ]


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


# -- lanes -----------------------------------------------------------------------------------


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
