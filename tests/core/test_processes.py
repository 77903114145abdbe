"""Worker processes: what they do, what kills them, and whom that disturbs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from xy_core.core.config import ProcessConfig, SchedulerConfig
from xy_core.core.errors import (
    InvalidTaskError,
    TaskCancelled,
    TaskError,
    TaskTimeout,
    WorkerCrashed,
)
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

PROCESS = TaskType.PROCESS
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its promise")


class OddError(Exception):
    """An error that pickle cannot make again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def raise_odd() -> None:
    raise OddError("very ", "odd")


def tell_and_wait(pipe: Path) -> None:
    pipe.write_text(str(os.getpid()))
    time.sleep(60)


def crash_once(note: Path) -> str:
    if not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return "at last"


def give_a_lambda() -> Callable[[], None]:
    return lambda: None


def divide(a: int, b: int = 0) -> float:
    return a / b


def many_bytes(count: int) -> int:
    return len(bytearray(count))


@pytest.fixture
async def scheduler() -> AsyncIterator[GlobalTaskScheduler]:
    async with GlobalTaskScheduler(processes()) as running:
        yield running


def processes(**values: object) -> SchedulerConfig:
    return SchedulerConfig(process=ProcessConfig(**{"min_workers": 2, "max_workers": 2} | values))


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Make a named pipe, through which a process can tell its id."""
    made: list[Path] = []

    def make(name: str) -> Path:
        path = tmp_path / name
        os.mkfifo(path)
        made.append(path)
        return path

    yield make
    for path in made:
        with contextlib.suppress(OSError):  # nobody reads, as it should be
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


async def told(pipe: Path) -> psutil.Process:
    """The process that has told its id through the pipe, once it has."""
    async with asyncio.timeout(30):
        return psutil.Process(int(await asyncio.to_thread(pipe.read_text)))


async def gone(*processes: psutil.Process) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=10)
    assert not alive


async def test_a_function_runs_in_another_process_which_serves_the_next_as_well(scheduler):
    first = await scheduler.submit(os.getpid, task_type=PROCESS)
    assert first != os.getpid()
    assert await scheduler.submit(os.getpid, task_type=PROCESS) == first
    assert await scheduler.submit(pow, 2, 5, task_type=PROCESS) == 32
    assert await scheduler.submit(divide, 1, kwargs={"b": 2}, task_type=PROCESS) == 0.5


async def test_no_process_is_started_before_the_first_task():
    before = set(children())
    async with GlobalTaskScheduler(processes()):
        assert not set(children()) - before


async def test_errors_come_back_with_the_trace_of_the_worker(scheduler):
    with pytest.raises(ZeroDivisionError) as raised:
        await scheduler.submit(divide, 1, task_type=PROCESS)
    assert "in divide" in "".join(raised.value.__notes__)
    with pytest.raises(TaskError, match="OddError: very odd"):
        await scheduler.submit(raise_odd, task_type=PROCESS)


@pytest.mark.parametrize("fn", [lambda: 1, asyncio.sleep])
async def test_functions_that_a_process_cannot_run_are_refused_at_once(scheduler, fn):
    with pytest.raises(InvalidTaskError):
        scheduler.submit(fn, task_type=PROCESS)


async def test_what_cannot_be_sent_is_named(scheduler):
    with pytest.raises(InvalidTaskError, match="cannot be sent to a worker"):
        await scheduler.submit(print, threading.Lock(), task_type=PROCESS)
    with pytest.raises(InvalidTaskError, match="cannot be sent to a worker"):
        await scheduler.submit(functools.partial(lambda: 1), task_type=PROCESS)
    with pytest.raises(InvalidTaskError, match="cannot be sent back"):
        await scheduler.submit(give_a_lambda, task_type=PROCESS)
    with pytest.raises(InvalidTaskError, match="cannot stream"):
        scheduler.stream(divide, 1, task_type=PROCESS)


@pytest.mark.parametrize(
    ("end", "fate"), [((os._exit, 3), "status 3"), ((signal.raise_signal, 9), "SIGKILL")]
)
async def test_a_process_that_dies_fails_its_task_only(scheduler, pipes, end, fate):
    pipe = pipes("pid")
    other = scheduler.submit(tell_and_wait, pipe, task_type=PROCESS)
    bystander = await told(pipe)
    fn, argument = end
    with pytest.raises(WorkerCrashed, match=fate):
        await scheduler.submit(fn, argument, task_type=PROCESS)
    assert await scheduler.submit(pow, 2, 3, task_type=PROCESS) == 8
    assert not other.done()
    assert bystander.is_running()


async def test_a_crash_can_be_tried_again(scheduler, tmp_path):
    options = {"retries": 1, "retry_on": (WorkerCrashed,), "task_type": PROCESS}
    handle = scheduler.submit(crash_once, tmp_path / "note", **options)
    assert await handle == "at last"
    assert handle.info.attempts == 2


async def test_cancelling_kills_the_process_and_no_other(scheduler, pipes):
    both = [pipes(name) for name in "ab"]
    handles = [scheduler.submit(tell_and_wait, pipe, task_type=PROCESS) for pipe in both]
    first, second = [await told(pipe) for pipe in both]
    handles[0].cancel()
    with pytest.raises(TaskCancelled):
        await handles[0]
    await handles[0].released()
    await gone(first)
    assert second.is_running()
    assert not handles[1].done()
    assert await scheduler.submit(pow, 3, 2, task_type=PROCESS) == 9


async def test_a_timeout_kills_the_process(scheduler, pipes):
    await scheduler.submit(many_bytes, 1, task_type=PROCESS)  # it has imported this module then
    pipe = pipes("pid")
    handle = scheduler.submit(tell_and_wait, pipe, task_type=PROCESS, timeout=2.0)
    process = await told(pipe)
    with pytest.raises(TaskTimeout):
        await handle
    await gone(process)


async def test_a_task_that_is_cancelled_while_its_process_starts_never_runs(scheduler, tmp_path):
    handle = scheduler.submit(tell_and_wait, tmp_path / "pid", task_type=PROCESS)
    handle.cancel()
    await handle.released()
    assert not (tmp_path / "pid").exists()


async def test_stopping_leaves_no_process(pipes):
    async with GlobalTaskScheduler(processes()) as scheduler:
        await scheduler.submit(pow, 2, 2, task_type=PROCESS)
        pipe = pipes("pid")
        scheduler.submit(tell_and_wait, pipe, task_type=PROCESS)
        assert await told(pipe) in children()
        left = children()
    await gone(*left)


async def test_a_process_is_replaced_after_so_many_tasks():
    async with GlobalTaskScheduler(
        processes(min_workers=1, max_workers=1, recycle_after=2)
    ) as scheduler:
        pids = [await scheduler.submit(os.getpid, task_type=PROCESS) for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


async def test_idle_processes_are_let_go():
    async with GlobalTaskScheduler(processes(idle_seconds=0.05)) as scheduler:
        pid = await scheduler.submit(os.getpid, task_type=PROCESS)
        await gone(*children())
        assert await scheduler.submit(os.getpid, task_type=PROCESS) != pid


@needs_linux
async def test_memory_is_limited():
    async with GlobalTaskScheduler(processes(memory=300 * 2**20)) as scheduler:
        assert await scheduler.submit(many_bytes, 2**20, task_type=PROCESS) == 2**20
        with pytest.raises(MemoryError, match=r"scheduler\.process\.memory"):
            await scheduler.submit(many_bytes, 2**30, task_type=PROCESS)
        assert await scheduler.submit(many_bytes, 2**20, task_type=PROCESS) == 2**20


@needs_linux
async def test_processes_keep_to_their_cores_and_step_back():
    async with GlobalTaskScheduler(processes(cores=(0,), nice=7)) as scheduler:
        assert await scheduler.submit(os.sched_getaffinity, 0, task_type=PROCESS) == {0}
        assert await scheduler.submit(os.nice, 0, task_type=PROCESS) == min(19, os.nice(0) + 7)


@needs_linux
async def test_processes_do_not_outlive_their_parent(tmp_path, pipes):
    (tmp_path / "parked.py").write_text(PARKED)
    pipe = pipes("pid")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    parent = await asyncio.create_subprocess_exec(sys.executable, str(program), str(pipe))
    process = await told(pipe)
    parent.kill()
    await parent.wait()
    await gone(process)


PARKED = """
import os, time

def park(pipe):
    open(pipe, "w").write(str(os.getpid()))
    time.sleep(60)
"""
PROGRAM = """
import asyncio, sys
import parked
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

async def main():
    async with GlobalTaskScheduler() as scheduler:
        await scheduler.submit(parked.park, sys.argv[1], task_type=TaskType.PROCESS)

if __name__ == "__main__":
    asyncio.run(main())
"""
