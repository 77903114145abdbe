"""Any sequence of submitting, ending and cancelling keeps the scheduler's promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from xy_core.core.config import DeviceConfig, LaneConfig, SchedulerConfig
from xy_core.core.errors import QueueFull, TaskCancelled
from xy_core.core.job import TaskHandle
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskStatus, TaskType

SLOTS, PLACES = 2, 6
LANE = "device:cpu"
ENDINGS = {
    "task_completed": TaskStatus.COMPLETED,
    "task_failed": TaskStatus.FAILED,
    "task_cancelled": TaskStatus.CANCELLED,
    "task_timed_out": TaskStatus.TIMED_OUT,
}
CONFIG = SchedulerConfig(
    aging=1e6,  # priority alone decides: the machine's steps take real time
    default=LaneConfig(),
    cpu=LaneConfig(),
    devices=(DeviceConfig(name="cpu", slots=SLOTS, queue_size=PLACES),),
)


class SchedulerMachine(RuleBasedStateMachine):
    """Drives one lane with tasks that end when they are told to, and replays its trace."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.scheduler = GlobalTaskScheduler(CONFIG)
        self.runner.run(self.scheduler.start())
        self.orders: dict[str, asyncio.Future[Any]] = {}
        self.all: list[TaskHandle[Any]] = []
        self.paused = False
        self.waiting: list[str] = []
        self.running: set[str] = set()
        self.ended: dict[str, TaskStatus] = {}
        self.seen = 0

    def do(self, step: Any) -> Any:
        """Take a step on the loop, let everything happen that follows, and replay the trace."""

        async def take() -> Any:
            outcome = step()
            for _ in range(6):
                await asyncio.sleep(0)
            return outcome

        outcome = self.runner.run(take())
        self.replay()
        return outcome

    def replay(self) -> None:
        events = list(self.scheduler.trace)
        for event in events[self.seen :]:
            task_id = event.task.task_id
            if event.event == "task_scheduled":
                self.waiting.append(task_id)
            elif event.event == "worker_start":
                self.check_order(task_id)
                self.waiting.remove(task_id)
                self.running.add(task_id)
            else:
                assert task_id not in self.ended, "a task ended twice"
                self.ended[task_id] = ENDINGS[event.event]
                self.running.discard(task_id)
                if task_id in self.waiting:
                    self.waiting.remove(task_id)
        self.seen = len(events)

    def check_order(self, started: str) -> None:
        def urgency(task_id: str) -> TaskPriority:
            return self.scheduler.task(task_id).priority

        before = self.waiting[: self.waiting.index(started)]
        assert all(urgency(other) < urgency(started) for other in before), "overtook its equal"
        assert all(urgency(other) <= urgency(started) for other in self.waiting), "not the first"

    @rule(target=handles, priority=st.sampled_from(TaskPriority))
    def submit(self, priority: TaskPriority) -> TaskHandle[Any] | None:
        async def work(order: asyncio.Future[Any]) -> Any:
            return await order

        def step() -> TaskHandle[Any] | None:
            order = asyncio.get_running_loop().create_future()
            try:
                handle = self.scheduler.submit(
                    work, order, task_type=TaskType.GPU_BOUND, priority=priority
                )
            except QueueFull:
                return None
            self.orders[handle.task_id] = order
            self.all.append(handle)
            return handle

        full = len(self.waiting) == PLACES
        handle = self.do(step)
        assert (handle is None) == full
        return handle

    @rule(handle=consumes(handles), fails=st.booleans())
    def end(self, handle: TaskHandle[Any] | None, *, fails: bool) -> None:
        if handle is None or handle.task_id not in self.running:
            return
        order = self.orders[handle.task_id]
        error = LookupError("as told")
        self.do(lambda: order.set_exception(error) if fails else order.set_result(1))
        assert handle.info.status is (TaskStatus.FAILED if fails else TaskStatus.COMPLETED)

    @rule(handle=handles)
    def cancel(self, handle: TaskHandle[Any] | None) -> None:
        if handle is None:
            return
        ended = handle.done()
        assert self.do(handle.cancel) is not ended

    @rule(handle=handles)
    def end_and_cancel_at_once(self, handle: TaskHandle[Any] | None) -> None:
        if handle is None or handle.done():
            return

        def step() -> None:
            self.orders[handle.task_id].set_result(1)
            handle.cancel()

        self.do(step)
        assert handle.info.status is TaskStatus.CANCELLED

    @rule()
    def pause(self) -> None:
        self.paused = True
        self.do(self.scheduler.lane(LANE).pause)

    @rule()
    def resume(self) -> None:
        self.paused = False
        self.do(self.scheduler.lane(LANE).resume)

    @invariant()
    def the_figures_agree_with_the_trace(self) -> None:
        figures = self.scheduler.statistics()[LANE]
        assert (figures.waiting, figures.running) == (len(self.waiting), len(self.running))
        assert figures.running <= figures.workers == SLOTS
        for status in TaskStatus:
            if status.final:
                ended = sum(one is status for one in self.ended.values())
                assert figures.ended[status.value] == ended

    @invariant()
    def no_slot_is_idle_while_a_task_waits(self) -> None:
        assert self.paused or not self.waiting or len(self.running) == SLOTS

    @invariant()
    def every_record_tells_the_same_as_the_trace(self) -> None:
        for handle in self.all:
            status = handle.info.status
            if handle.task_id in self.ended:
                assert status is self.ended[handle.task_id]
            else:
                waits = handle.task_id in self.waiting
                assert status is (TaskStatus.PENDING if waits else TaskStatus.RUNNING)
            assert handle.done() == status.final

    def teardown(self) -> None:
        self.runner.run(self.scheduler.stop())
        self.replay()
        assert set(self.ended) == {handle.task_id for handle in self.all}
        for handle in self.all:
            if handle.info.status is TaskStatus.CANCELLED:
                with pytest.raises(TaskCancelled):
                    handle.result()
            elif handle.info.status is TaskStatus.FAILED:
                with pytest.raises(LookupError):
                    handle.result()
            else:
                assert handle.result() == 1
        self.runner.close()


TestSchedulerMachine = SchedulerMachine.TestCase
TestSchedulerMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
