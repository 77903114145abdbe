"""How a lane grows, retries, preempts, pauses and drains."""

from __future__ import annotations

import asyncio
import threading

import pytest

from xy_core.core.cancellation import checkpoint
from xy_core.core.config import LaneConfig
from xy_core.core.errors import TaskCancelled
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskStatus, TaskType

LOW, MEDIUM, HIGH, CRITICAL = TaskPriority
ONE = LaneConfig(min_workers=1, max_workers=1)


async def nothing() -> None:
    """End at once."""


async def forever() -> None:
    await asyncio.Event().wait()


# -- scaling ---------------------------------------------------------------------------------

ELASTIC = LaneConfig(min_workers=1, max_workers=8, grow_after=0.05, shrink_after=5.0)


def test_slots_grow_while_tasks_wait_and_shrink_when_idle(jump, config):
    async def main() -> None:
        async with GlobalTaskScheduler(config(default=ELASTIC)) as scheduler:
            handles = [scheduler.submit(asyncio.sleep, 1.0) for _ in range(20)]
            assert scheduler.statistics()["default"].workers == 1
            await asyncio.sleep(0.5)
            figures = scheduler.statistics()["default"]
            assert (figures.workers, figures.running, figures.waiting) == (8, 8, 12)
            for handle in handles:
                await handle
            await asyncio.sleep(11.0)
            assert scheduler.statistics()["default"].workers == 1
            assert len({handle.info.worker for handle in handles}) == 8

    jump(main())


def test_a_burst_after_a_pause_grows_as_fast_as_the_first(jump, config):
    async def main() -> None:
        async with GlobalTaskScheduler(config(default=ELASTIC)) as scheduler:
            loop = asyncio.get_running_loop()
            times = []
            for _ in range(2):
                before = loop.time()
                for handle in [scheduler.submit(asyncio.sleep, 0.3) for _ in range(2)]:
                    await handle
                times.append(loop.time() - before)
            assert scheduler.statistics()["default"].workers == 2
            before = loop.time()
            for handle in [scheduler.submit(asyncio.sleep, 0.3) for _ in range(8)]:
                await handle
            assert loop.time() - before < 0.7

    jump(main())


# -- retries ---------------------------------------------------------------------------------


def test_a_task_is_retried_for_the_errors_that_are_worth_it(jump, config):
    async def main() -> None:
        errors = [OSError("first"), OSError("second")]

        async def flaky() -> str:
            if errors:
                raise errors.pop(0)
            return "done"

        async with GlobalTaskScheduler(config()) as scheduler:
            handle = scheduler.submit(flaky, retries=2, retry_on=(OSError,))
            assert await handle == "done"
            assert handle.info.attempts == 3
            assert handle.info.status is TaskStatus.COMPLETED
            events = [event.event for event in scheduler.trace]
            assert events.count("task_retried") == 2
            assert scheduler.statistics()["default"].ended["failed"] == 0

    jump(main())


def test_an_error_that_is_not_named_is_not_retried(jump, config):
    async def main() -> None:
        async def fail() -> None:
            raise LookupError("for good")

        async with GlobalTaskScheduler(config()) as scheduler:
            handle = scheduler.submit(fail, retries=5, retry_on=(OSError,))
            with pytest.raises(LookupError):
                await handle
            assert handle.info.attempts == 1

    jump(main())


def test_the_last_error_is_raised_when_retries_are_used_up(jump, config):
    async def main() -> None:
        numbers = iter(range(9))

        async def fail() -> None:
            raise OSError(f"attempt {next(numbers)}")

        async with GlobalTaskScheduler(config()) as scheduler:
            with pytest.raises(OSError, match="attempt 3"):
                await scheduler.run(fail, retries=3, retry_on=(OSError,))

    jump(main())


@pytest.mark.parametrize("how", ["cancel", "deadline", "stop"])
def test_a_task_between_two_attempts_can_still_end(jump, config, monkeypatch, how):
    monkeypatch.setattr("xy_core.core.backoff.random.uniform", lambda _least, most: most)

    async def main() -> None:
        async def fail() -> None:
            raise OSError

        async with GlobalTaskScheduler(config()) as scheduler:
            deadline = 0.05 if how == "deadline" else None
            handle = scheduler.submit(fail, retries=9, retry_on=(OSError,), deadline=deadline)
            await asyncio.sleep(0.01)
            assert handle.info.status is TaskStatus.PENDING
            assert scheduler.statistics()["default"].waiting == 1
            if how == "cancel":
                assert handle.cancel()
            elif how == "deadline":
                await asyncio.sleep(0.05)
            else:
                await scheduler.stop()
            assert handle.info.status.final
            await handle.released()

    jump(main())


# -- preemption ------------------------------------------------------------------------------


@pytest.mark.parametrize("aging", [10.0, 0.001], ids=["young", "old"])
def test_urgent_work_takes_the_slot_of_a_preemptible_task(jump, config, aging):
    # With fast aging the background task outranks the urgent one by its age alone, as one that
    # has run for long does; its slot must go to the urgent one all the same.
    async def main() -> None:
        order: list[str] = []

        async def background() -> None:
            order.append("background starts")
            await asyncio.sleep(10.0)
            order.append("background ends")

        async def urgent() -> None:
            order.append("urgent")

        async with GlobalTaskScheduler(config(default=ONE, aging=aging)) as scheduler:
            low = scheduler.submit(background, priority=LOW, preemptible=True)
            await asyncio.sleep(5.0)
            high = scheduler.submit(urgent, priority=HIGH)
            await high
            await low
            assert low.info.attempts == 1
            assert "task_preempted" in [event.event for event in scheduler.trace]
        assert order == ["background starts", "urgent", "background starts", "background ends"]

    jump(main())


def test_a_preempted_task_can_be_cancelled_before_it_yields(jump, config):
    async def main() -> None:
        async with GlobalTaskScheduler(config(default=ONE)) as scheduler:
            low = scheduler.submit(forever, priority=LOW, preemptible=True)
            await asyncio.sleep(1.0)
            high = scheduler.submit(nothing, priority=HIGH)
            low.cancel()
            await high
            with pytest.raises(TaskCancelled):
                await low
            assert scheduler.statistics()["default"].ended["cancelled"] == 1

    jump(main())


def test_work_that_is_not_preemptible_or_not_urgent_changes_nothing(jump, config):
    async def main() -> None:
        async with GlobalTaskScheduler(config(default=ONE)) as scheduler:
            first = scheduler.submit(asyncio.sleep, 1.0, priority=LOW)
            await scheduler.run(nothing, priority=CRITICAL)
            assert first.info.status is TaskStatus.COMPLETED
            second = scheduler.submit(asyncio.sleep, 1.0, priority=LOW, preemptible=True)
            await scheduler.run(nothing, priority=MEDIUM)
            assert second.info.status is TaskStatus.COMPLETED

    jump(main())


def test_more_urgent_work_is_not_preempted_by_less_urgent(jump, config):
    async def main() -> None:
        async with GlobalTaskScheduler(config(default=ONE)) as scheduler:
            first = scheduler.submit(asyncio.sleep, 1.0, priority=CRITICAL, preemptible=True)
            await asyncio.sleep(0.5)
            await scheduler.run(nothing, priority=HIGH)
            assert first.info.status is TaskStatus.COMPLETED
            assert "task_preempted" not in [event.event for event in scheduler.trace]

    jump(main())


async def test_a_thread_yields_at_its_checkpoint(single):
    started = threading.Semaphore(0)
    finish = threading.Event()

    def background() -> str:
        started.release()
        while not finish.wait(0.001):
            checkpoint()
        return "done"

    low = single.submit(background, priority=LOW, preemptible=True, task_type=TaskType.CPU_BOUND)
    await asyncio.to_thread(started.acquire)
    await single.run(threading.get_ident, priority=HIGH, task_type=TaskType.CPU_BOUND)
    await asyncio.to_thread(started.acquire)
    finish.set()
    assert await low == "done"


# -- pause, resume, drain --------------------------------------------------------------------


async def test_a_paused_lane_starts_nothing_and_lets_what_runs_end(single):
    go = asyncio.Event()
    lane = single.lane("default")
    running = single.submit(go.wait)
    waiting = single.submit(nothing)
    lane.pause()
    go.set()
    await running
    for _ in range(5):
        await asyncio.sleep(0)
    assert waiting.info.status is TaskStatus.PENDING
    lane.resume()
    await waiting


async def test_drain_waits_for_what_waits_and_what_runs(single):
    go = asyncio.Event()
    lane = single.lane("default")
    handles = [single.submit(go.wait), single.submit(nothing), single.submit(nothing)]
    drained = asyncio.create_task(lane.drain())
    await asyncio.sleep(0)
    assert not drained.done()
    go.set()
    await drained
    assert all(handle.done() for handle in handles)
    assert not lane.busy
    await lane.drain()


async def test_drain_ends_when_the_last_waiting_task_is_cancelled(single):
    lane = single.lane("default")
    lane.pause()
    handle = single.submit(nothing)
    drained = asyncio.create_task(lane.drain())
    await asyncio.sleep(0)
    handle.cancel()
    await drained


async def test_drain_ends_when_the_scheduler_stops(config):
    async with GlobalTaskScheduler(config()) as scheduler:
        lane = scheduler.lane("default")
        lane.pause()
        scheduler.submit(nothing)
        drained = asyncio.create_task(lane.drain())
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await drained


# -- cancelling threads ----------------------------------------------------------------------


async def test_a_thread_is_told_before_anybody_hears_that_its_task_ended(single):
    # A producer that blocks on a full stream is woken by the end of its task; it must see its
    # token raised by then, or it goes back to wait for ever.
    started, leave = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        leave.wait(10)

    handle = single.submit(work, task_type=TaskType.CPU_BOUND)
    await asyncio.to_thread(started.wait, 10)
    told: list[bool] = []
    handle.on_settled = lambda: told.append(handle.token.cancelled)
    handle.cancel()
    leave.set()
    await handle.released()
    assert told == [True]
