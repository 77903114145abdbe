"""Any sequence of submitting, running, failing, crashing and requeueing keeps every promise."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.durable_program import Program
from xy_core.core.durable_task import DurableTask, this_task
from xy_core.core.records import DurableStatus

RETRIES = 3
SLOTS = 2
FAIL, WORK = "fail", "work"


class JournalMachine(RuleBasedStateMachine):
    """One program after another on one journal, beside a model of what must be in it.

    A run waits inside its function until a rule lets it end, so that at every moment the machine
    knows which tasks have begun and how they ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.orders: dict[int, asyncio.Future[str]] = {}
        self.arguments: dict[int, int] = {}
        self.keys: dict[str, int] = {}
        self.status: dict[int, DurableStatus] = {}
        self.executions: Counter[int] = Counter()
        self.interrupted: Counter[int] = Counter()
        self.failures: Counter[int] = Counter()
        self.handles: list[DurableTask] = []
        self.serial = 0

    async def work(self, number: int) -> int:
        task_id = this_task.get().task_id
        assert self.arguments.setdefault(task_id, number) == number
        # The promise: what is recorded as done or dead never begins again.
        assert self.status.get(task_id, DurableStatus.WAITING) is DurableStatus.WAITING
        self.executions[task_id] += 1
        order = self.orders[task_id] = asyncio.get_running_loop().create_future()
        if await order == FAIL:
            raise OSError("as told")
        return number

    def do(self, step: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self.runner.run(step())

    def settle(self) -> None:
        """Let begin what can begin, and what must not, if it would."""

        async def step() -> None:
            for _ in range(500):
                await self.program.durable.find()
                if len(self.orders) == min(SLOTS, self.waiting()):
                    break
                await asyncio.sleep(0.001)
            await self.program.durable.find()
            await asyncio.sleep(0)

        self.do(step)

    def waiting(self) -> int:
        return sum(one is DurableStatus.WAITING for one in self.status.values())

    @initialize()
    def start(self) -> None:
        self.program = Program(
            Path(self.folder.name) / "journal.db", window=4, commit_interval=0.001
        )

        async def begin() -> None:
            await self.program.scheduler.start()
            await self.program.durable.register(
                WORK, self.work, retries=RETRIES, backoff=1e-4, longest_backoff=1e-4
            )

        self.do(begin)

    @rule(key=st.sampled_from([None, None, "a", "b", "c"]))
    def submit(self, key: str | None) -> None:
        self.serial += 1
        number = self.serial

        async def step() -> DurableTask:
            return await self.program.durable.submit(WORK, {"number": number}, key=key)

        task = self.do(step)
        if key in self.keys:
            assert task.task_id == self.keys[key]
            return
        assert task.task_id not in self.status
        self.status[task.task_id] = DurableStatus.WAITING
        self.arguments[task.task_id] = number
        self.handles.append(task)
        if key is not None:
            self.keys[key] = task.task_id
        self.settle()

    @rule(count=st.integers(2, 12))
    def submit_many(self, count: int) -> None:
        first = self.serial + 1
        self.serial += count

        async def step() -> list[DurableTask]:
            return await self.program.durable.submit_many(
                WORK, [{"number": first + number} for number in range(count)]
            )

        for place, task in enumerate(self.do(step)):
            self.status[task.task_id] = DurableStatus.WAITING
            self.arguments[task.task_id] = first + place
            self.handles.append(task)
        self.settle()

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), how=st.sampled_from([WORK, WORK, FAIL]))
    def end(self, data: st.DataObject, how: str) -> None:
        self.end_one(data.draw(st.sampled_from(sorted(self.orders))), how)

    def end_one(self, task_id: int, how: str) -> None:
        async def step() -> None:
            self.orders.pop(task_id).set_result(how)
            await asyncio.sleep(0)

        self.note_end(task_id, how)
        self.do(step)
        self.settle()

    def note_end(self, task_id: int, how: str) -> None:
        if how == WORK:
            self.status[task_id] = DurableStatus.DONE
            return
        self.failures[task_id] += 1
        if self.failures[task_id] > RETRIES:
            self.status[task_id] = DurableStatus.DEAD

    @precondition(lambda self: DurableStatus.DEAD in self.status.values())
    @rule()
    def requeue(self) -> None:
        async def step() -> list[int]:
            return await self.program.durable.requeue()

        dead = [number for number, one in self.status.items() if one is DurableStatus.DEAD]
        for number in dead:
            self.status[number] = DurableStatus.WAITING
            self.failures[number] = 0
        assert self.do(step) == dead
        self.settle()

    @rule()
    def crash(self) -> None:
        for task_id in self.orders:
            self.interrupted[task_id] += 1
            self.failures[task_id] += 1
        self.runner.run(self.program.crash())
        self.reopen()

    @rule()
    def end_in_order(self) -> None:
        for task_id in self.orders:
            self.interrupted[task_id] += 1
        self.runner.run(self.program.__aexit__())
        self.reopen()

    def reopen(self) -> None:
        self.orders.clear()
        # What went down with the program too often is given up before it begins again.
        for task_id, count in self.failures.items():
            if count > RETRIES and self.status[task_id] is DurableStatus.WAITING:
                self.status[task_id] = DurableStatus.DEAD
        self.start()
        self.settle()

    @invariant()
    def the_journal_has_everything_and_knows_how_it_ended(self) -> None:
        async def step() -> dict[int, DurableStatus]:
            return {one.task_id: one.status for one in await self.program.durable.find(limit=999)}

        if hasattr(self, "program"):
            assert self.do(step) == self.status

    @invariant()
    def nothing_begins_again_but_what_was_interrupted_or_failed(self) -> None:
        for task_id, count in self.executions.items():
            running = task_id in self.orders
            assert count >= self.interrupted[task_id] + running
            if self.status[task_id] is DurableStatus.DONE:
                assert not running

    @invariant()
    def no_slot_is_idle_while_a_task_waits(self) -> None:
        assert len(self.orders) == min(SLOTS, self.waiting())

    @invariant()
    def every_handle_of_this_program_tells_what_the_journal_has(self) -> None:
        for task in self.handles:
            if task.status is DurableStatus.DONE:
                assert self.status[task.task_id] is DurableStatus.DONE
                assert task.result() == self.arguments[task.task_id]

    def teardown(self) -> None:
        """Let everything run to its end: nothing may be lost."""
        while self.orders:
            self.end_one(min(self.orders), WORK)
        assert DurableStatus.WAITING not in self.status.values()
        self.the_journal_has_everything_and_knows_how_it_ended()
        if hasattr(self, "program"):
            self.runner.run(self.program.__aexit__())
        self.runner.close()
        self.folder.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
