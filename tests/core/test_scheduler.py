"""Submitting, ordering, cancelling, timing out, bounding and looking at tasks."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import threading

import pytest

from xy_core.core.cancellation import checkpoint
from xy_core.core.config import DeviceConfig, LaneConfig
from xy_core.core.errors import (
    InvalidTaskError,
    QueueFull,
    SchedulerClosed,
    TaskCancelled,
    TaskTimeout,
)
from xy_core.core.scheduler import GlobalTaskScheduler, device_lane
from xy_core.core.task import TaskPriority, TaskStatus, TaskType

LOW, MEDIUM, HIGH, CRITICAL = TaskPriority
DEFAULT, CPU, DEVICE = TaskType.DEFAULT, TaskType.CPU_BOUND, TaskType.GPU_BOUND
THREADS = pytest.mark.parametrize("task_type", [CPU, DEVICE], ids=["cpu", "device"])


async def nothing() -> None:
    """End at once."""


async def forever(started: asyncio.Event | None = None) -> None:
    if started is not None:
        started.set()
    await asyncio.Event().wait()


class Busy:
    """Work on a thread that lasts until it is let go or, at a checkpoint, cancelled."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.let_go = threading.Event()
        self.cancelled = False

    def __call__(self) -> str:
        self.started.set()
        try:
            while not self.let_go.wait(0.001):
                checkpoint()
        except TaskCancelled:
            self.cancelled = True
            raise
        return "done"

    async def wait_started(self) -> None:
        await asyncio.to_thread(self.started.wait, 10)


# -- results ---------------------------------------------------------------------------------


async def test_a_coroutine_function_runs_on_the_loop(scheduler):
    async def add(a: int, *, b: int) -> tuple[int, int]:
        return a + b, threading.get_ident()

    handle = scheduler.submit(add, 1, kwargs={"b": 2}, name="math.add", note="sum")
    assert handle.info.status is TaskStatus.RUNNING
    assert await handle == (3, threading.get_ident())
    assert handle.info.name == "math.add"
    assert handle.info.note == "sum"
    assert handle.info.status is TaskStatus.COMPLETED
    assert handle.info.created_at <= handle.info.started_at <= handle.info.ended_at


@THREADS
async def test_a_plain_function_runs_on_a_thread_of_its_lane(scheduler, task_type):
    handle = scheduler.submit(threading.current_thread, task_type=task_type)
    assert (await handle).name.startswith(f"xy-{handle.info.lane}")


async def test_a_device_takes_coroutines_on_the_loop(scheduler):
    async def where() -> int:
        return threading.get_ident()

    assert await scheduler.run(where, task_type=DEVICE) == threading.get_ident()


@pytest.mark.parametrize("task_type", [DEFAULT, CPU, DEVICE])
async def test_an_error_reaches_every_owner(scheduler, task_type):
    def fail() -> None:
        raise LookupError("not there")

    async def fail_on_loop() -> None:
        fail()

    handle = scheduler.submit(fail_on_loop if task_type is DEFAULT else fail, task_type=task_type)
    for _ in range(2):
        with pytest.raises(LookupError, match="not there"):
            await handle
    assert handle.info.status is TaskStatus.FAILED
    assert handle.info.error == "not there"


@pytest.mark.parametrize("task_type", [DEFAULT, CPU, DEVICE])
async def test_a_task_runs_in_a_copy_of_its_submitters_context(scheduler, task_type):
    variable = contextvars.ContextVar("variable", default="")

    def swap() -> str:
        before = variable.get()
        variable.set("inside")
        return before

    async def swap_on_loop() -> str:
        return swap()

    variable.set("outside")
    work = swap_on_loop if task_type is DEFAULT else swap
    assert await scheduler.run(work, task_type=task_type) == "outside"
    assert variable.get() == "outside"


async def test_many_owners_can_await_one_task(scheduler):
    go = asyncio.Event()

    async def wait() -> str:
        await go.wait()
        return "done"

    handle = scheduler.submit(wait)

    async def owner() -> str:
        return await handle

    owners = [asyncio.create_task(owner()) for _ in range(3)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*owners) == ["done"] * 3


async def test_a_call_that_cannot_begin_fails_the_task(scheduler):
    handle = scheduler.submit(nothing, "one argument too many")
    with pytest.raises(TypeError, match="positional argument"):
        await handle
    assert handle.info.status is TaskStatus.FAILED
    assert await scheduler.run(nothing) is None


async def test_a_call_that_cannot_begin_can_be_cancelled(scheduler):
    handle = scheduler.submit(nothing, "one argument too many")
    assert handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    await scheduler.lane("default").drain()
    assert scheduler.statistics()["default"].running == 0


# -- what is refused -------------------------------------------------------------------------


async def test_a_plain_function_is_refused_on_the_loop_by_name_of_the_right_type(scheduler):
    def slow() -> None:
        """Would block the loop."""

    with pytest.raises(InvalidTaskError, match=r"slow.*CPU_BOUND"):
        scheduler.submit(slow)
    assert not list(scheduler.tasks())


async def test_a_coroutine_function_is_refused_on_a_cpu_thread(scheduler):
    with pytest.raises(InvalidTaskError, match=r"nothing.*TaskType\.DEFAULT"):
        scheduler.submit(nothing, task_type=CPU)


async def test_partials_and_callable_objects_are_known_for_what_they_call(scheduler):
    class Service:
        async def __call__(self, number: int) -> int:
            return number

    async def echo(number: int) -> int:
        return number

    assert await scheduler.run(functools.partial(echo, 1)) == 1
    assert await scheduler.run(Service(), 2) == 2
    with pytest.raises(InvalidTaskError, match="CPU_BOUND"):
        scheduler.submit(functools.partial(max, 1), 2)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"deadline": float("nan")},
        {"priority": 0},
        {"priority": "HIGH"},
        {"deadline": 0},
        {"retries": -1},
        {"retries": 1},
        {"retries": -1, "retry_on": (OSError,)},
    ],
    ids=str,
)
async def test_bounds_that_make_no_sense_are_refused(scheduler, options):
    with pytest.raises(InvalidTaskError):
        scheduler.submit(nothing, **options)
    assert not list(scheduler.tasks())


async def test_a_number_can_stand_for_a_priority(scheduler):
    handle = scheduler.submit(nothing, priority=3)
    assert handle.info.priority is HIGH
    assert scheduler.trace.as_report()[0]["priority"] == "HIGH"
    with pytest.raises(InvalidTaskError, match="9 is no priority"):
        await scheduler.schedule_task(nothing, priority=9)


async def test_an_unknown_device_is_refused_with_those_there_are(scheduler):
    with pytest.raises(InvalidTaskError, match=r"device:cuda.*device:cpu"):
        scheduler.submit(nothing, task_type=DEVICE, device="cuda:7")


async def test_a_scheduler_that_does_not_run_refuses_work():
    scheduler = GlobalTaskScheduler()
    with pytest.raises(SchedulerClosed):
        scheduler.submit(nothing)
    async with scheduler:
        await scheduler.run(nothing)
    with pytest.raises(SchedulerClosed):
        scheduler.submit(nothing)


@pytest.mark.parametrize("task_type", [DEFAULT, CPU, DEVICE])
async def test_a_full_lane_refuses_and_says_when_to_come_back(single, task_type):
    busy = Busy()
    work = forever if task_type is DEFAULT else busy
    handles = [single.submit(work, task_type=task_type) for _ in range(9)]
    with pytest.raises(QueueFull) as caught:
        single.submit(work, task_type=task_type)
    assert caught.value.lane == handles[0].info.lane
    assert caught.value.retry_after >= 1.0
    assert len(list(single.tasks())) == 9
    handles[-1].cancel()
    single.submit(work, task_type=task_type)
    busy.let_go.set()


async def test_a_full_lane_does_not_touch_the_others(single):
    busy = Busy()
    for _ in range(9):
        single.submit(busy, task_type=DEVICE)
    assert await single.run(threading.get_ident, task_type=CPU)
    await single.run(nothing)
    busy.let_go.set()


# -- order -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task_type", [DEFAULT, CPU, DEVICE])
async def test_urgent_tasks_overtake_in_every_lane(single, task_type):
    done: list[str] = []
    lane = {DEFAULT: "default", CPU: "cpu", DEVICE: "device:cpu"}[task_type]

    async def note_on_loop(name: str) -> None:
        done.append(name)

    single.lane(lane).pause()
    work = note_on_loop if task_type is DEFAULT else done.append
    for priority in (LOW, MEDIUM, CRITICAL, HIGH):
        single.submit(work, priority.name, priority=priority, task_type=task_type)
    assert single.statistics()[lane].paused
    single.lane(lane).resume()
    await single.lane(lane).drain()
    assert done == ["CRITICAL", "HIGH", "MEDIUM", "LOW"]


def test_a_low_task_is_not_starved_by_a_stream_of_urgent_ones(jump, config):
    order: list[str] = []

    async def work(name: str) -> None:
        order.append(name)
        await asyncio.sleep(1.0)

    async def main() -> None:
        one = LaneConfig(min_workers=1, max_workers=1)
        async with GlobalTaskScheduler(config(default=one, aging=5.0)) as scheduler:
            scheduler.submit(work, "first", priority=CRITICAL)
            low = scheduler.submit(work, "low", priority=LOW)
            while not low.done():
                scheduler.submit(work, "urgent", priority=HIGH)
                await asyncio.sleep(0.9)

    jump(main())
    # Two steps of 5 s from LOW to HIGH: of those that came later than that, none overtakes it.
    assert 10 <= order.index("low") <= 13


async def test_the_earlier_deadline_goes_first_among_equals(single):
    done: list[str] = []

    async def note(name: str) -> None:
        done.append(name)

    lane = single.lane("default")
    lane.pause()
    for name, deadline in (("none", None), ("late", 200.0), ("early", 100.0)):
        single.submit(note, name, deadline=deadline)
    lane.resume()
    await lane.drain()
    assert done == ["early", "late", "none"]


async def test_a_key_runs_no_more_than_its_limit(config):
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    ten = LaneConfig(min_workers=10, max_workers=10)
    async with GlobalTaskScheduler(config(default=ten)) as scheduler:
        scheduler.limit_key("model", 2)
        handles = [scheduler.submit(work, key="model") for _ in range(20)]
        free = scheduler.submit(work)
        assert free.info.status is TaskStatus.RUNNING
        await asyncio.gather(*handles, free)
        assert most == 3
        scheduler.limit_key("model", None)
        most = 0
        await asyncio.gather(*[scheduler.submit(work, key="model") for _ in range(9)])
        assert most == 9


async def test_a_limit_that_is_set_before_the_start_holds(config):
    scheduler = GlobalTaskScheduler(config())
    scheduler.limit_key("model", 1)
    async with scheduler:
        first, second = (scheduler.submit(forever, key="model") for _ in range(2))
        assert first.info.status is TaskStatus.RUNNING
        assert second.info.status is TaskStatus.PENDING


# -- cancelling ------------------------------------------------------------------------------


@pytest.mark.parametrize("task_type", [DEFAULT, CPU, DEVICE])
async def test_a_waiting_task_is_cancelled_at_once_and_never_starts(single, task_type):
    busy = Busy()
    work = forever if task_type is DEFAULT else busy
    first = single.submit(work, task_type=task_type)
    second = single.submit(work, task_type=task_type)
    assert second.info.status is TaskStatus.PENDING
    assert second.cancel("not wanted")
    with pytest.raises(TaskCancelled, match="not wanted"):
        await second
    assert second.info.started_at is None
    assert second.info.attempts == 0
    assert not second.cancel()
    first.cancel()
    await first.released()
    assert single.statistics()[first.info.lane].ended["cancelled"] == 2


async def test_a_running_coroutine_is_cancelled_and_cleans_up(single):
    started, cleaned = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await forever(started)
        finally:
            cleaned.set()

    handle = single.submit(work)
    await started.wait()
    assert handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    await handle.released()
    assert cleaned.is_set()


@THREADS
async def test_a_running_thread_ends_at_its_checkpoint_and_keeps_its_slot_until_then(
    single, task_type
):
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        inside.set()
        leave.wait(10)
        checkpoint()
        pytest.fail("the checkpoint let it pass")

    handle = single.submit(work, task_type=task_type)
    await asyncio.to_thread(inside.wait, 10)
    assert handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    assert single.statistics()[handle.info.lane].running == 1
    leave.set()
    await handle.released()
    assert single.statistics()[handle.info.lane].running == 0
    assert handle.info.status is TaskStatus.CANCELLED


async def test_a_running_device_coroutine_is_cancelled(single):
    started = asyncio.Event()
    handle = single.submit(forever, started, task_type=DEVICE)
    await started.wait()
    handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    await handle.released()
    assert single.statistics()["device:cpu"].running == 0


async def test_a_result_that_comes_after_the_cancellation_is_dropped(single):
    busy = Busy()
    release = threading.Event()

    def deaf() -> str:
        busy.started.set()
        release.wait(10)
        return "too late"

    handle = single.submit(deaf, task_type=CPU)
    await busy.wait_started()
    handle.cancel()
    release.set()
    await handle.released()
    with pytest.raises(TaskCancelled):
        handle.result()
    assert single.statistics()["cpu"].ended == {
        "completed": 0,
        "failed": 0,
        "cancelled": 1,
        "timed_out": 0,
    }


async def test_run_cancels_its_task_with_its_caller(single):
    started = asyncio.Event()
    caller = asyncio.create_task(single.run(forever, started))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert [task.status for task in single.tasks()] == [TaskStatus.CANCELLED]


async def test_giving_up_a_wait_leaves_the_task_running(single):
    go = asyncio.Event()

    async def work() -> str:
        await go.wait()
        return "done"

    handle = single.submit(work)

    async def wait() -> str:
        return await handle

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    go.set()
    assert await handle == "done"


async def test_a_task_that_cancels_itself_is_cancelled(single):
    async def work() -> None:
        raise asyncio.CancelledError

    handle = single.submit(work)
    with pytest.raises(TaskCancelled, match="cancelled itself"):
        await handle
    assert handle.info.status is TaskStatus.CANCELLED


async def test_a_task_can_be_cancelled_by_its_id(single):
    handle = single.submit(forever)
    assert single.cancel(handle.task_id)
    assert not single.cancel(handle.task_id)
    assert not single.cancel("task_unknown")


# -- time limits -----------------------------------------------------------------------------


def test_a_coroutine_that_runs_too_long_times_out(jump, config):
    async def main() -> None:
        async with GlobalTaskScheduler(config()) as scheduler:
            handle = scheduler.submit(forever, name="slow", timeout=60.0)
            with pytest.raises(TaskTimeout, match=r"'slow' passed its timeout of 60 s while run"):
                await handle
            assert handle.info.status is TaskStatus.TIMED_OUT
            await handle.released()
            assert scheduler.statistics()["default"].running == 0

    jump(main())


def test_a_timeout_does_not_count_the_waiting(jump, config):
    async def main() -> None:
        one = LaneConfig(min_workers=1, max_workers=1)
        async with GlobalTaskScheduler(config(default=one)) as scheduler:
            scheduler.submit(asyncio.sleep, 10.0)
            assert await scheduler.run(asyncio.sleep, 1.0, "done", timeout=2.0) == "done"

    jump(main())


def test_a_deadline_counts_the_waiting(jump, config):
    async def main() -> None:
        one = LaneConfig(min_workers=1, max_workers=1)
        async with GlobalTaskScheduler(config(default=one)) as scheduler:
            scheduler.submit(asyncio.sleep, 10.0)
            handle = scheduler.submit(nothing, deadline=5.0)
            with pytest.raises(TaskTimeout, match="deadline while waiting"):
                await handle
            assert handle.info.started_at is None
            running = scheduler.submit(asyncio.sleep, 100.0, deadline=20.0)
            with pytest.raises(TaskTimeout, match="deadline while running"):
                await running

    jump(main())


@THREADS
async def test_a_thread_that_runs_too_long_is_asked_to_end(single, task_type):
    busy = Busy()
    handle = single.submit(busy, task_type=task_type, timeout=0.05)
    with pytest.raises(TaskTimeout):
        await handle
    await handle.released()
    assert busy.cancelled
    assert single.statistics()[handle.info.lane].ended["timed_out"] == 1


@THREADS
async def test_a_task_whose_deadline_passes_behind_a_thread_never_starts(single, task_type):
    busy = Busy()
    first = single.submit(busy, task_type=task_type)
    second = single.submit(busy, task_type=task_type, deadline=0.01)
    with pytest.raises(TaskTimeout, match="waiting"):
        await second
    busy.let_go.set()
    assert await first == "done"
    assert second.info.attempts == 0


# -- looking ---------------------------------------------------------------------------------


async def test_the_record_of_a_task_outlives_it(scheduler):
    handle = scheduler.submit(nothing)
    assert scheduler.task(handle.task_id) is handle.info
    await handle
    assert scheduler.task(handle.task_id) is handle.info
    assert scheduler.task("task_unknown") is None
    assert json.loads(json.dumps(handle.info.as_json()))["status"] == "completed"


async def test_ended_tasks_are_kept_in_bounded_number(config):
    async with GlobalTaskScheduler(config(history_size=3)) as scheduler:
        handles = []
        for _ in range(5):
            handles.append(scheduler.submit(nothing))
            await handles[-1]
        assert [task.task_id for task in scheduler.tasks()] == [
            handle.task_id for handle in handles[2:]
        ]
        assert scheduler.task(handles[0].task_id) is None


async def test_the_reports_own_call_gives_an_id_and_a_result(scheduler):
    async def double(number: int, *, plus: int = 0) -> int:
        return 2 * number + plus

    task_id = await scheduler.schedule_task(double, "math", 3, DEFAULT, (4,), {"plus": 1})
    assert scheduler.task(task_id).priority is HIGH
    assert await scheduler.result(task_id) == 9
    assert await scheduler.result(task_id) == 9
    with pytest.raises(InvalidTaskError, match="task_unknown"):
        await scheduler.result("task_unknown")


async def test_a_result_that_nobody_can_ask_for_is_not_kept(scheduler):
    handle = scheduler.submit(nothing)
    await handle
    with pytest.raises(InvalidTaskError, match="no result is kept"):
        await scheduler.result(handle.task_id)


async def test_statistics_count_what_waits_runs_and_ended(single):
    async def fail() -> None:
        raise ValueError

    started = asyncio.Event()
    await single.run(nothing)
    with pytest.raises(ValueError):  # noqa: PT011 - it has no message
        await single.run(fail)
    running = single.submit(forever, started)
    single.submit(forever).cancel()
    single.submit(nothing)
    await started.wait()
    figures = single.statistics()["default"]
    assert (figures.waiting, figures.running, figures.workers) == (1, 1, 1)
    assert figures.ended == {"completed": 1, "failed": 1, "cancelled": 1, "timed_out": 0}
    assert figures.wait.count == 3
    assert figures.run.count == 2
    running.cancel()
    await single.lane("default").drain()
    figures = single.statistics()["default"]
    assert (figures.waiting, figures.running) == (0, 0)


async def test_the_trace_tells_every_task_in_the_reports_schema(single):
    await single.run(nothing, name="test.nothing", priority=HIGH, note="a note")
    single.submit(forever, name="test.forever").cancel()
    rows = single.trace.as_report()
    assert [row["event"] for row in rows] == [
        "task_scheduled",
        "worker_start",
        "task_completed",
        "task_scheduled",
        "worker_start",
        "task_cancelled",
    ]
    assert rows[0].keys() == {
        "ts",
        "event",
        "task_id",
        "priority",
        "note",
        "name",
        "lane",
        "task_type",
    }
    assert rows[2].keys() == rows[0].keys() | {"worker", "duration_ms"}
    assert rows[2]["priority"] == "HIGH"
    assert rows[2]["worker"] == "default-0"
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)
    json.dumps(rows)


# -- starting and stopping ------------------------------------------------------------------


async def test_starting_twice_keeps_the_lanes(config):
    async with GlobalTaskScheduler(config()) as scheduler:
        handle = scheduler.submit(forever)
        await scheduler.start()
        assert scheduler.statistics()["default"].running == 1
    with pytest.raises(TaskCancelled):
        handle.result()


async def test_a_scheduler_can_be_started_again(config):
    scheduler = GlobalTaskScheduler(config())
    for _ in range(2):
        async with scheduler:
            assert await scheduler.run(asyncio.sleep, 0, "done") == "done"


async def test_stopping_cancels_what_waits_and_what_runs(config):
    scheduler = GlobalTaskScheduler(config())
    await scheduler.start()
    busy = Busy()
    handles = [scheduler.submit(forever) for _ in range(4)]
    handles += [scheduler.submit(busy, task_type=CPU) for _ in range(4)]
    await scheduler.stop()
    for handle in handles:
        with pytest.raises(TaskCancelled, match="stopping"):
            handle.result()


async def test_stopping_can_wait_for_tasks(config):
    scheduler = GlobalTaskScheduler(config())
    await scheduler.start()
    handles = [scheduler.submit(asyncio.sleep, 0.001, "done") for _ in range(6)]
    await scheduler.stop(drain=10.0)
    assert [handle.result() for handle in handles] == ["done"] * 6


def test_stopping_waits_no_longer_than_it_was_told(jump, config):
    async def main() -> float:
        scheduler = GlobalTaskScheduler(config())
        await scheduler.start()
        scheduler.submit(forever)
        before = asyncio.get_running_loop().time()
        await scheduler.stop(drain=3.0)
        return asyncio.get_running_loop().time() - before

    assert 3.0 <= jump(main()) <= 4.0


async def test_a_task_that_cleans_up_cannot_submit_to_a_stopping_scheduler(config):
    refused = asyncio.Event()
    started = asyncio.Event()
    scheduler = GlobalTaskScheduler(config())

    async def work() -> None:
        try:
            await forever(started)
        finally:
            with pytest.raises(SchedulerClosed):
                scheduler.submit(nothing)
            refused.set()

    async with scheduler:
        scheduler.submit(work)
        await started.wait()
    assert refused.is_set()


async def test_each_kind_of_device_has_a_lane_and_the_first_is_the_default(config):
    devices = (DeviceConfig(name="sim:0", memory=2**30), DeviceConfig(name="cpu"))
    async with GlobalTaskScheduler(config(devices=devices)) as scheduler:
        assert scheduler.submit(nothing, task_type=DEVICE).info.lane == device_lane("sim:0")
        cpu = scheduler.submit(nothing, task_type=DEVICE, device="cpu")
        assert cpu.info.lane == device_lane("cpu")
        devices = {"device:sim", "device:cpu"}
        assert set(scheduler.statistics()) == {"default", "cpu", "process", "loading"} | devices
