"""Durable tasks: nothing recorded is lost, nothing done runs again, failures are kept."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.durable_program import Program
from xy_core.core.durable_task import this_task
from xy_core.core.errors import (
    DeadLetter,
    InvalidTaskError,
    JournalError,
    QueueFull,
    SchedulerClosed,
)
from xy_core.core.model import ModelSpec, Variant
from xy_core.core.records import DurableStatus
from xy_core.core.sqlite_journal import open_journal
from xy_core.core.sqlite_records import SqliteRecords
from xy_core.core.task import TaskPriority, TaskType

QUICK: Any = {"backoff": 0.001, "longest_backoff": 0.002}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def program(path: Path) -> AsyncIterator[Program]:
    """A running program."""
    async with Program(path) as running:
        yield running


async def double(number: int) -> int:
    return 2 * number


def pid() -> int:
    return os.getpid()


def kill_yourself() -> None:
    os.kill(os.getpid(), 9)


def spoil(path: Path) -> None:
    path.write_bytes(b"nonsense" * 1_000)


def list_names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


class Gate:
    """A function that tells that it has begun, and waits to be let go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.began = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, number: int = 0) -> int:
        self.begun.append(number)
        self.began.set()
        await self.open.wait()
        return number


# -- running -------------------------------------------------------------------------------------


async def test_nothing_is_made_before_there_is_a_durable_task(program: Program, path: Path):
    await program.durable.stop()
    assert list_names(path.parent) == []


async def test_a_task_runs_and_is_remembered(program: Program):
    await program.durable.register("double", double)
    task = await program.durable.submit("double", {"number": 4})
    assert await task == 8
    assert task.status is DurableStatus.DONE
    (record,) = await program.durable.find()
    assert (record.name, record.arguments, record.result) == ("double", {"number": 4}, 8)
    assert record.attempts == 0
    assert await (await program.durable.task(record.task_id)) == 8


async def test_a_task_waits_for_its_function(program: Program):
    task = await program.durable.submit("double", {"number": 4})
    assert not task.done()
    with pytest.raises(RuntimeError, match="not ended"):
        task.result()
    await program.durable.register("double", double)
    assert await task == 8


@pytest.mark.parametrize("task_type", [TaskType.CPU_BOUND, TaskType.GPU_BOUND])
async def test_plain_functions_run_in_their_lanes(program: Program, task_type: TaskType):
    await program.durable.register("pid", pid, task_type=task_type)
    assert await (await program.durable.submit("pid")) == os.getpid()


async def test_a_function_may_need_a_model_of_its_device(program: Program):
    async def load(_device: str, _variant: Variant) -> str:
        return "a model"

    async def say(model: str, word: str) -> str:
        return f"{model} says {word}"

    def say_on_a_thread(model: str, word: str) -> str:
        return f"{model} shouts {word}"

    spec = ModelSpec("m", (Variant("full", 1),), load, lambda _: None)
    program.scheduler.register_model(spec)
    needs: Any = {"task_type": TaskType.GPU_BOUND, "model": "m", "memory": 1}
    await program.durable.register("say", say, **needs)
    await program.durable.register("shout", say_on_a_thread, **needs)
    assert await (await program.durable.submit("say", {"word": "hi"})) == "a model says hi"
    assert await (await program.durable.submit("shout", {"word": "hi"})) == "a model shouts hi"


async def test_worker_processes_run_them_too(program: Program):
    await program.durable.register("pid", pid, task_type=TaskType.PROCESS)
    assert await (await program.durable.submit("pid")) != os.getpid()


async def test_many_more_tasks_than_are_held_in_memory_run_once_each(path: Path):
    seen: list[int] = []

    async def note(number: int) -> None:
        seen.append(number)

    async with Program(path, window=8) as program:
        await program.durable.register("note", note)
        tasks = await program.durable.submit_many("note", [{"number": n} for n in range(1_200)])
        for task in tasks:
            await task
    assert sorted(seen) == list(range(1_200))


async def test_the_urgent_come_first(path: Path):
    gate = Gate()
    async with Program(path, window=2) as program:
        await program.durable.register("gate", gate)
        for number in range(2):
            await program.durable.submit("gate", {"number": number})
        while len(gate.begun) < 2:  # noqa: ASYNC110 - both slots are taken
            await asyncio.sleep(0)
        for number, priority in enumerate([1, 2, 4, 3], 2):
            await program.durable.submit(
                "gate", {"number": number}, priority=TaskPriority(priority)
            )
        gate.open.set()
        await asyncio.gather(*[await program.durable.task(number) for number in range(1, 7)])
    assert gate.begun[2:] == [4, 5, 3, 2]


async def test_a_full_lane_holds_up_no_other_function(path: Path):
    gate = Gate()
    async with Program(path, window=4) as program:
        await program.durable.register("gate", gate)
        await program.durable.register("double", double, task_type=TaskType.GPU_BOUND)
        stuck = await program.durable.submit_many("gate", [{"number": n} for n in range(20)])
        assert await (await program.durable.submit("double", {"number": 1})) == 2
        gate.open.set()
        assert [await task for task in stuck] == list(range(20))


async def test_a_lane_that_refuses_is_asked_again(path: Path):
    async with Program(path) as program:
        await program.durable.register("double", double)
        tasks = await program.durable.submit_many("double", [{"number": n} for n in range(500)])
        lane = program.scheduler.lane("default")
        assert lane.statistics().waiting <= 100
        assert [await task for task in tasks] == [2 * n for n in range(500)]


async def test_a_delayed_task_is_not_run_before(program: Program):
    seen: list[float] = []

    async def note() -> None:
        seen.append(program.durable.clock())

    await program.durable.register("note", note)
    before = program.durable.clock()
    await (await program.durable.submit("note", delay=0.05))
    assert seen[0] >= before + 0.05


async def test_the_function_may_ask_which_task_it_is(program: Program):
    async def me() -> list[Any]:
        task = this_task.get()
        return [task.task_id, task.key, task.attempts]

    def me_too() -> int:
        return this_task.get().task_id

    await program.durable.register("me", me)
    await program.durable.register("me too", me_too, task_type=TaskType.CPU_BOUND)
    assert await (await program.durable.submit("me", key="k")) == [1, "k", 0]
    assert await (await program.durable.submit("me too")) == 2


# -- idempotency ---------------------------------------------------------------------------------


async def test_a_key_is_one_task(program: Program):
    gate = Gate()
    await program.durable.register("gate", gate)
    first = await program.durable.submit("gate", {"number": 1}, key="a")
    assert await program.durable.submit("gate", {"number": 2}, key="a") is first
    other = await program.durable.submit("gate", {"number": 3}, key="b")
    gate.open.set()
    assert (await first, await other) == (1, 3)
    assert await (await program.durable.submit("gate", {"number": 4}, key="a")) == 1
    assert gate.begun == [1, 3]


async def test_a_key_belongs_to_its_function(program: Program):
    await program.durable.register("double", double)
    await program.durable.register("again", double)
    one = await program.durable.submit("double", {"number": 1}, key="a")
    other = await program.durable.submit("again", {"number": 2}, key="a")
    assert (await one, await other) == (2, 4)


async def test_equal_keys_of_one_transaction_are_one_task(program: Program):
    await program.durable.register("double", double)
    tasks = await program.durable.submit_many(
        "double", [{"number": n} for n in range(4)], keys=["a", "b", "a", "b"]
    )
    assert [await task for task in tasks] == [0, 2, 0, 2]
    assert len(await program.durable.find()) == 2


async def test_a_key_is_known_after_a_restart(path: Path):
    async with Program(path) as program:
        await program.durable.register("double", double)
        await (await program.durable.submit("double", {"number": 1}, key="a"))
    async with Program(path) as program:
        assert await (await program.durable.submit("double", {"number": 9}, key="a")) == 2


# -- failing -------------------------------------------------------------------------------------


async def test_a_failure_is_tried_again(program: Program):
    seen: list[int] = []

    async def third_time() -> str:
        seen.append(this_task.get().attempts)
        if len(seen) < 3:
            raise OSError("not yet")
        return "at last"

    await program.durable.register("third", third_time, **QUICK)
    task = await program.durable.submit("third")
    assert await task == "at last"
    assert seen == [0, 1, 2]
    (record,) = await program.durable.find()
    assert (record.attempts, record.error) == (2, None)


async def test_after_the_last_attempt_it_is_a_dead_letter(program: Program):
    async def never() -> None:
        raise OSError("no")

    await program.durable.register("never", never, retries=2, **QUICK)
    task = await program.durable.submit("never")
    with pytest.raises(DeadLetter, match=r"1 \(never\).*no.*xy-core tasks requeue 1"):
        await task
    (record,) = await program.durable.find(DurableStatus.DEAD)
    assert (record.attempts, record.error) == (3, "no")
    with pytest.raises(DeadLetter):
        await (await program.durable.task(1))


async def test_other_errors_are_not_worth_another_attempt(program: Program):
    async def wrong(**_: int) -> None:
        raise LookupError("wrong")

    await program.durable.register("wrong", wrong, retry_on=(OSError,), **QUICK)
    with pytest.raises(DeadLetter, match="wrong"):
        await (await program.durable.submit("wrong"))
    assert (await program.durable.find())[0].attempts == 1


async def test_a_timeout_is_a_failure(program: Program):
    await program.durable.register("gate", Gate(), timeout=0.001, retries=1, **QUICK)
    with pytest.raises(DeadLetter, match="timeout"):
        await (await program.durable.submit("gate"))


async def test_a_worker_that_dies_is_a_failure(program: Program):
    await program.durable.register(
        "kill", kill_yourself, task_type=TaskType.PROCESS, retries=1, **QUICK
    )
    with pytest.raises(DeadLetter, match="SIGKILL"):
        await (await program.durable.submit("kill"))


async def test_a_cancelled_task_is_kept_as_a_dead_letter(program: Program):
    gate = Gate()
    await program.durable.register("gate", gate)
    task = await program.durable.submit("gate")
    await gate.began.wait()
    (running,) = [info for info in program.scheduler.tasks() if info.name == "gate"]
    program.scheduler.cancel(running.task_id)
    with pytest.raises(DeadLetter, match="cancelled"):
        await task


async def test_a_dead_letter_that_is_requeued_begins_anew(program: Program):
    mended = False

    async def work() -> int:
        if not mended:
            raise OSError("broken")
        return 5

    await program.durable.register("work", work, retries=0)
    task = await program.durable.submit("work")
    with pytest.raises(DeadLetter):
        await task
    mended = True
    assert await program.durable.requeue([1, 2]) == [1]
    assert await (await program.durable.task(1)) == 5
    assert await program.durable.requeue() == []


async def test_what_the_command_line_requeues_runs(program: Program, path: Path):
    program.journal.store.look = 0.01
    letters = iter([OSError("broken"), None])

    async def work() -> None:
        if (error := next(letters)) is not None:
            raise error

    await program.durable.register("work", work, retries=0)
    with pytest.raises(DeadLetter):
        await (await program.durable.submit("work"))
    with open_journal(path) as file:
        assert SqliteRecords(file).requeue(None) == [1]
    await (await program.durable.task(1))


async def test_a_result_that_is_no_json_is_not_kept_but_the_task_is_done(program: Program):
    async def thing() -> object:
        return {1, 2}

    await program.durable.register("thing", thing)
    assert await (await program.durable.submit("thing")) == {1, 2}
    assert await (await program.durable.task(1)) is None


async def test_any_text_comes_back_as_it_was(program: Program):
    async def echo(text: str) -> str:
        return text

    text = "a\0b\ud800 \u4f60\n\U0001f600'\""
    await program.durable.register("echo", echo)
    assert await (await program.durable.submit("echo", {"text": text})) == text
    (record,) = await program.durable.find()
    assert (record.arguments, record.result) == ({"text": text}, text)


async def test_an_error_of_strange_text_is_recorded(program: Program):
    async def fail() -> None:
        raise OSError("a\0b\ud800" + "x" * 5_000)

    await program.durable.register("fail", fail, retries=0)
    with pytest.raises(DeadLetter):
        await (await program.durable.submit("fail"))
    (record,) = await program.durable.find()
    assert (record.error or "").startswith("ab?x")
    assert len(record.error or "") < 2_001


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"a": {1, 2}}, "JSON"),
        ({"a": math.nan}, "JSON"),
        ({1: 2}, "keyword arguments"),
        ([1], "keyword arguments"),
        ({"a": "x" * 200}, "max_payload"),
    ],
    ids=str,
)
async def test_arguments_that_cannot_be_recorded(path: Path, arguments: Any, message: str):
    async with Program(path, max_payload=100) as program:
        with pytest.raises(InvalidTaskError, match=message):
            await program.durable.submit("double", arguments)
        assert await program.durable.find() == []


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 501, None, 5, "\0"])
async def test_names_and_keys_that_nobody_could_read(program: Program, name: Any):
    with pytest.raises(InvalidTaskError, match="name or key"):
        await program.durable.register(name, double)
    with pytest.raises(InvalidTaskError, match="name or key"):
        await program.durable.submit(name)
    if name is not None:
        with pytest.raises(InvalidTaskError, match="name or key"):
            await program.durable.submit("double", key=name)


async def test_functions_that_could_not_run(program: Program):
    with pytest.raises(InvalidTaskError, match="would block the event loop"):
        await program.durable.register("pid", pid)
    with pytest.raises(InvalidTaskError, match="no lane"):
        await program.durable.register("pid", pid, task_type=TaskType.GPU_BOUND, device="moon")
    for wrong in ({"retries": -1}, {"backoff": 0.0}, {"backoff": 9.0, "longest_backoff": 1.0}):
        with pytest.raises(InvalidTaskError, match="backoff"):
            await program.durable.register("double", double, **wrong)
    await program.durable.register("double", double)
    with pytest.raises(InvalidTaskError, match="registered"):
        await program.durable.register("double", double)
    program.durable.unregister("double")
    await program.durable.register("double", double)
    with pytest.raises(InvalidTaskError, match="priority"):
        await program.durable.submit("double", priority=9)  # type: ignore[arg-type]
    with pytest.raises(InvalidTaskError, match="keys"):
        await program.durable.submit_many("double", [{}], keys=[])
    with pytest.raises(InvalidTaskError, match="no durable task 77"):
        await program.durable.task(77)


async def test_a_journal_that_cannot_keep_up_refuses(path: Path):
    async with Program(path, queue_size=10) as program:
        with pytest.raises(QueueFull):
            await program.durable.submit_many("double", [{"number": n} for n in range(11)])


async def test_a_journal_that_cannot_be_used_says_so_each_time(path: Path):
    spoil(path)
    async with Program(path) as program:
        for _ in range(2):
            with pytest.raises(JournalError, match="damaged"):
                await program.durable.submit("double", {"number": 1})
            with pytest.raises(JournalError, match="damaged"):
                await program.durable.register("double", double)


# -- ending and crashing -------------------------------------------------------------------------


async def test_what_an_orderly_end_interrupts_runs_the_next_time(path: Path):
    gate = Gate()
    async with Program(path) as program:
        await program.durable.register("gate", gate, retries=0)
        tasks = await program.durable.submit_many("gate", [{"number": n} for n in range(5)])
        await gate.began.wait()
    for task in tasks:
        with pytest.raises(SchedulerClosed, match="after the next start"):
            await task
    with pytest.raises(SchedulerClosed):
        await program.durable.submit("gate")
    async with Program(path) as program:
        await program.durable.register("double", double)
        gate.open.set()
        await program.durable.register("gate", gate, retries=0)
        again = [await program.durable.task(number) for number in range(1, 6)]
        assert [await task for task in again] == [0, 1, 2, 3, 4]


async def test_a_crash_repeats_what_was_in_flight_and_nothing_else(path: Path):
    gate = Gate()
    program = Program(path)
    await program.scheduler.start()
    await program.durable.register("gate", gate)
    await program.durable.register("double", double)
    assert await (await program.durable.submit("double", {"number": 1})) == 2
    await program.durable.submit_many("gate", [{"number": n} for n in range(3)])
    await gate.began.wait()
    await asyncio.sleep(0)
    begun = list(gate.begun)
    await program.crash()
    gate.open.set()
    async with Program(path) as program:
        await program.durable.register("gate", gate)
        tasks = [await program.durable.task(number) for number in (2, 3, 4)]
        assert [await task for task in tasks] == [0, 1, 2]
        records = {record.task_id: record for record in await program.durable.find()}
    assert sorted(gate.begun) == sorted([*begun, 0, 1, 2])
    assert [records[number].attempts for number in (1, 2, 3, 4)] == [0, 1, 1, 0]


async def test_a_task_that_always_takes_the_program_down_is_given_up(path: Path):
    for _ in range(3):
        gate = Gate()
        program = Program(path)
        await program.scheduler.start()
        await program.durable.register("gate", gate, retries=2)
        await program.durable.submit("gate", key="poison")
        await gate.began.wait()
        await program.crash()
    gate = Gate()
    async with Program(path) as program:
        await program.durable.register("gate", gate, retries=2)
        with pytest.raises(DeadLetter, match="program ended while it ran"):
            await (await program.durable.task(1))
        assert gate.begun == []


async def until(program: Program, left: int) -> None:
    while len(await program.durable.find()) > left:  # noqa: ASYNC110 - it deletes by itself
        await asyncio.sleep(0)


async def test_old_results_are_forgotten(path: Path):
    async with Program(path, keep_done=10) as program:
        await program.durable.register("double", double)
        tasks = await program.durable.submit_many("double", [{"number": n} for n in range(50)])
        await asyncio.gather(*tasks)
    async with Program(path, keep_done=10) as program:
        await program.durable.open()
        await until(program, 10)
    async with Program(path, keep_seconds=1e-6) as program:
        await program.durable.open()
        await until(program, 0)
        task = await program.durable.submit("double", {"number": 1})
        assert task.task_id == 51  # numbers are never used again


async def test_giving_up_the_wait_leaves_the_task_alone(program: Program):
    gate = Gate()
    await program.durable.register("gate", gate)
    task = await program.durable.submit("gate", {"number": 3})
    wait = asyncio.ensure_future(asyncio.wait_for(task, 10))
    await gate.began.wait()
    wait.cancel()
    gate.open.set()
    assert await task == 3
