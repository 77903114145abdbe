"""Tasks that are computed together: gathering, splitting, cancelling, failing alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.simulated import HIGH, G, Held, Rig, cancelled, outcomes, rig, virtual
from xy_core.core.batching import BatchFailed, Batching, split
from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import (
    DeviceLost,
    InvalidTaskError,
    OutOfDeviceMemory,
    TaskCancelled,
    TaskTimeout,
)
from xy_core.core.job import TaskHandle
from xy_core.core.task import TaskStatus, TaskType

Batch = Callable[..., Any]


def doubling(sizes: list[int], seconds: float = 1.0, working: float = 0) -> Batch:
    """A function that doubles items, fails for "bad" ones, and notes how many came together."""

    async def double(held: Held, items: list[Any]) -> list[Any]:
        sizes.append(len(items))
        await held.gpu.compute(seconds, working=int(working * G) * len(items))
        if "guilty" in items:
            raise ArithmeticError("guilty")
        return [LookupError("bad") if item == "bad" else item * 2 for item in items]

    return double


def submit(sim: Rig, fn: Batch, item: Any, batching: Batching, **options: Any) -> TaskHandle[Any]:
    base: dict[str, Any] = {"model": "a", "task_type": TaskType.GPU_BOUND, "batching": batching}
    return sim.scheduler.submit(fn, item, **base | options)


@virtual
async def test_waiting_tasks_go_together_up_to_the_size():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes)
        handles = [submit(sim, fn, n, Batching(4)) for n in range(10)]
        assert await outcomes(handles) == [n * 2 for n in range(10)]
        assert sizes == [4, 4, 2]
        assert sim.now == 2 + 3
        assert all(handle.info.status is TaskStatus.COMPLETED for handle in handles)


@virtual
async def test_a_batch_takes_one_slot():
    async with rig(8, slots=2) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes, seconds=2)
        handles = [submit(sim, fn, n, Batching(4)) for n in range(8)]
        await asyncio.sleep(3)
        figures = sim.scheduler.statistics()["device:sim"]
        assert (figures.running, figures.waiting) == (2, 0)
        assert len({handle.info.worker for handle in handles}) == 2
        await outcomes(handles)


@pytest.mark.parametrize(("more", "began"), [(0, 0.5), (1, 0.5), (3, 0.2)])
@virtual
async def test_the_first_waits_for_others_but_not_for_long(more: int, began: float):
    async with rig(8) as sim:
        sim.model("a", 0.01)
        await sim.submit("a", seconds=0.1)
        begun = sim.now
        sizes: list[int] = []
        fn = doubling(sizes, seconds=1)
        handles = [submit(sim, fn, 1, Batching(4, max_wait=0.5))]
        await asyncio.sleep(0.2)
        handles += [submit(sim, fn, 1, Batching(4, max_wait=0.5)) for _ in range(more)]
        await outcomes(handles)
        assert sizes == [1 + more]
        assert sim.now - begun == pytest.approx(began + 1, abs=0.01)


@virtual
async def test_only_equal_keys_and_functions_go_together():
    async with rig(8) as sim:
        sim.model("a", 2)
        first: list[int] = []
        second: list[int] = []
        one, other = doubling(first), doubling(second)
        wide, tall = Batching(8, key=(512, 256)), Batching(8, key=(256, 512))
        handles = [submit(sim, one, n, wide if n % 2 else tall) for n in range(6)]
        handles += [submit(sim, other, n, wide) for n in range(2)]
        await outcomes(handles)
        assert (first, second) == ([3, 3], [2])


@virtual
async def test_one_bad_item_fails_alone():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes)
        results = await outcomes([submit(sim, fn, item, Batching(4)) for item in (1, "bad", 3)])
        assert results[::2] == [2, 6]
        assert isinstance(results[1], LookupError)
        assert sizes == [3]


@virtual
async def test_a_batch_that_fails_is_run_one_by_one():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes)
        handles = [submit(sim, fn, item, Batching(4)) for item in (1, "guilty", 3)]
        results = await outcomes(handles)
        assert results[::2] == [2, 6]
        assert isinstance(results[1], ArithmeticError)
        assert sizes == [3, 1, 1, 1]
        assert handles[0].info.attempts == 1


@pytest.mark.parametrize("wrong", [[1, 2, 3], [], None, 7, {1: 2}])
@virtual
async def test_a_batch_that_returns_something_else_fails_clearly(wrong: Any):
    async with rig(8) as sim:
        sim.model("a", 2)

        async def misfit(_: Held, __: list[int]) -> Any:
            return wrong

        results = await outcomes([submit(sim, misfit, n, Batching(4)) for n in range(2)])
        assert all(isinstance(one, InvalidTaskError) for one in results)
        assert "must return a sequence of 1 results" in str(results[0])


@virtual
async def test_a_cancelled_member_does_not_disturb_the_others():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes, seconds=3)
        handles = [submit(sim, fn, n, Batching(4)) for n in range(4)]
        await asyncio.sleep(3)
        assert handles[0].cancel()
        assert handles[2].cancel()
        results = await outcomes(handles)
        assert (results[1], results[3]) == (2, 6)
        assert cancelled(results[0])
        assert cancelled(results[2])
        assert sizes == [4]
        assert sim.now == 5


@virtual
async def test_a_member_that_is_cancelled_while_it_waits_is_not_computed():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes)
        handles = [submit(sim, fn, n, Batching(4)) for n in range(4)]
        await asyncio.sleep(1)
        handles[1].cancel()
        await outcomes(handles)
        assert sizes == [3]


@pytest.mark.parametrize("after", [0.0, 1.0])
@virtual
async def test_when_all_members_are_cancelled_so_is_the_run(after: float):
    async with rig(8) as sim:
        sim.model("a", 2)
        await sim.submit("a", seconds=1)
        sizes: list[int] = []
        fn = doubling(sizes, seconds=100)
        sim.lane.pause()
        handles = [submit(sim, fn, n, Batching(4)) for n in range(4)]
        sim.lane.resume()
        await asyncio.sleep(after)
        for handle in handles:
            handle.cancel()
        await handles[0].released()
        assert sim.now == 3 + after
        assert all(cancelled(one) for one in await outcomes(handles))
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_a_members_timeout_is_its_own():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes, seconds=5)
        handles = [
            submit(sim, fn, 1, Batching(4), timeout=2),
            submit(sim, fn, 2, Batching(4), timeout=9),
            submit(sim, fn, 3, Batching(4), deadline=4),
        ]
        results = await outcomes(handles)
        assert isinstance(results[0], TaskTimeout)
        assert results[1] == 4
        assert isinstance(results[2], TaskTimeout)
        assert sim.now == 7


@virtual
async def test_a_batch_is_as_large_as_its_memory_allows():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes, working=2)
        handles = [submit(sim, fn, n, Batching(8), memory=2 * G) for n in range(7)]
        assert await outcomes(handles) == [n * 2 for n in range(7)]
        assert sizes == [3, 3, 1]
        assert sim.gpu.out_of_memory_errors == 0


@virtual
async def test_a_batch_that_runs_out_of_memory_is_run_one_by_one():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes, working=2)  # not declared
        handles = [submit(sim, fn, n, Batching(4)) for n in range(4)]
        assert await outcomes(handles) == [0, 2, 4, 6]
        assert sizes == [4, 1, 1, 1, 1]


@virtual
async def test_a_batch_is_as_urgent_as_its_most_urgent_member():
    async with rig(8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes)
        first = submit(sim, fn, 1, Batching(2))
        handles = [submit(sim, fn, n, Batching(2)) for n in (2, 3)]
        urgent = submit(sim, fn, 4, Batching(2), priority=HIGH)
        await urgent
        assert first.done()
        assert not handles[0].done()
        await outcomes(handles)


@virtual
async def test_an_item_that_fails_is_retried():
    async with rig(8) as sim:
        sim.model("a", 2)
        tries: list[int] = []

        async def stumble(_: Held, items: list[int]) -> list[Any]:
            tries.append(len(items))
            return [OSError("once") if item and len(tries) < 2 else item for item in items]

        options: Any = {"retries": 1, "retry_on": (OSError,)}
        handles = [submit(sim, stumble, n, Batching(4), **options) for n in range(2)]
        assert await outcomes(handles) == [0, 1]
        assert tries == [2, 1]


@virtual
async def test_a_lost_device_is_left_by_the_whole_batch():
    async with rig(8, 8) as sim:
        sim.model("a", 2)
        sizes: list[int] = []
        fn = doubling(sizes, seconds=10)
        handles = [submit(sim, fn, n, Batching(4)) for n in range(4)]
        await asyncio.sleep(5)
        sim.gpus[int(handles[0].info.device[-1])].fail()
        assert await outcomes(handles) == [0, 2, 4, 6]
        assert sizes == [4, 4]


async def test_batches_run_on_threads_and_all_members_can_cancel_them():
    begun = threading.Event()
    ended = threading.Event()

    def count(_: Held, items: list[int]) -> list[int]:
        if items == [1, 2]:
            return [threading.get_ident()] * 2
        begun.set()
        try:
            while True:
                checkpoint()
        except TaskCancelled:
            ended.set()
            raise

    async with rig(8) as sim:
        sim.model("a", 0.0)
        two = Batching(2, max_wait=5)
        first = [submit(sim, count, n, two) for n in (1, 2)]
        assert threading.get_ident() not in await outcomes(first)
        handles = [submit(sim, count, n, two) for n in (3, 4)]
        await asyncio.to_thread(begun.wait, 10)
        handles[0].cancel()
        assert not ended.is_set()
        handles[1].cancel()
        await handles[1].released()
        assert ended.is_set()
        assert all(cancelled(one) for one in await outcomes(handles))


@virtual
async def test_a_call_that_cannot_begin_fails_each_member():
    async with rig(8) as sim:
        sim.model("a", 2)

        async def too_few() -> None: ...

        results = await outcomes([submit(sim, too_few, n, Batching(4)) for n in range(2)])
        assert all(isinstance(one, TypeError) for one in results)


@virtual
async def test_stopping_cancels_batches():
    async with rig(8) as sim:
        sim.model("a", 2)
        handles = [submit(sim, doubling([], 50), n, Batching(4)) for n in range(9)]
        await asyncio.sleep(3)
    assert all(cancelled(one) for one in await outcomes(handles))


@pytest.mark.parametrize("wrong", [{"max_size": 0}, {"max_wait": -1}, {"max_wait": float("nan")}])
def test_senseless_bounds_are_refused(wrong: dict[str, Any]):
    with pytest.raises(InvalidTaskError, match="max_size >= 1"):
        Batching(**wrong)


def test_split_tells_each_its_outcome():
    error = OutOfDeviceMemory("full")
    assert split(1, None, error) == [(None, error)]
    failed = split(2, None, error)[0][1]
    assert isinstance(failed, BatchFailed)
    assert failed.__cause__ is error
    lost = DeviceLost("gone")
    assert split(2, None, lost) == [(None, lost)] * 2
    assert split(2, (1, 2), None) == [(1, None), (2, None)]
