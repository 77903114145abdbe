"""Tasks that yield items: order, backpressure, early close, errors."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xy_core.core.config import LaneConfig, SchedulerConfig
from xy_core.core.errors import InvalidTaskError, QueueFull, TaskCancelled, TaskTimeout
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskStatus, TaskType

CONFIG = SchedulerConfig(cpu=LaneConfig(min_workers=2, max_workers=2))
DEFAULT, CPU, DEVICE = TaskType.DEFAULT, TaskType.CPU_BOUND, TaskType.GPU_BOUND
THREADS = pytest.mark.parametrize("task_type", [CPU, DEVICE], ids=["cpu", "device"])


async def count_on_loop(until: int) -> AsyncIterator[int]:
    for number in range(until):
        yield number


def count(until: int) -> Iterator[int]:
    yield from range(until)


def count_for_ever() -> Iterator[int]:
    yield from itertools.count()


def emit_count(emit: Callable[[int], None], until: int) -> None:
    for number in range(until):
        emit(number)


async def collect(stream: AsyncIterator[int]) -> list[int]:
    return [item async for item in stream]


KINDS = pytest.mark.parametrize(
    ("fn", "task_type"),
    [
        (count_on_loop, DEFAULT),
        (count_on_loop, DEVICE),
        (count, CPU),
        (count, DEVICE),
        (emit_count, CPU),
        (emit_count, DEVICE),
    ],
    ids=lambda value: getattr(value, "value", None) or value.__name__,
)


@KINDS
@pytest.mark.parametrize("buffer", [1, 3, 100])
async def test_items_come_in_order_and_once(scheduler, fn, task_type, buffer):
    stream = scheduler.stream(fn, 20, task_type=task_type, buffer=buffer)
    assert await collect(stream) == list(range(20))
    assert stream.info.status is TaskStatus.COMPLETED


@KINDS
async def test_an_empty_stream_ends(scheduler, fn, task_type):
    assert await collect(scheduler.stream(fn, 0, task_type=task_type)) == []


@KINDS
async def test_leaving_early_cancels_the_task_and_frees_its_slot(single, fn, task_type):
    async with single.stream(fn, 1_000_000, task_type=task_type, buffer=2) as stream:
        assert await anext(stream) == 0
    assert stream.info.status is TaskStatus.CANCELLED
    assert single.statistics()[stream.info.lane].running == 0


@KINDS
async def test_closing_twice_or_after_the_end_is_harmless(scheduler, fn, task_type):
    stream = scheduler.stream(fn, 2, task_type=task_type)
    await collect(stream)
    await stream.aclose()
    await stream.aclose()
    assert stream.info.status is TaskStatus.COMPLETED


async def test_a_coroutine_waits_while_the_buffer_is_full(single):
    made: list[int] = []

    async def produce() -> AsyncIterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    async with single.stream(produce, buffer=3) as stream:
        assert await anext(stream) == 0
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(made) <= 5


@THREADS
async def test_a_thread_waits_while_the_buffer_is_full(single, task_type):
    third, made = threading.Event(), []

    def produce() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            if number == 3:
                third.set()
            yield number

    async with single.stream(produce, task_type=task_type, buffer=3) as stream:
        await asyncio.to_thread(third.wait, 10)
        # Three lie in the buffer and the fourth in the thread's hands, until one is taken.
        assert made == [0, 1, 2, 3]
        assert await anext(stream) == 0
        assert await collect(stream) == list(range(1, 10))


async def test_an_error_comes_after_the_items_before_it(scheduler):
    def produce() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("out of numbers")

    stream = scheduler.stream(produce, task_type=CPU)
    assert [await anext(stream), await anext(stream)] == [1, 2]
    with pytest.raises(LookupError, match="out of numbers"):
        await anext(stream)


async def test_a_generators_clean_up_runs_when_its_consumer_leaves(single):
    cleaned = threading.Event()

    def produce() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            cleaned.set()

    async with single.stream(produce, task_type=CPU, buffer=1) as stream:
        await anext(stream)
    assert cleaned.is_set()


async def test_emit_tells_the_producer_that_nobody_listens(single):
    told = threading.Event()

    def produce(emit: Callable[[int], None]) -> None:
        try:
            while True:
                emit(0)
        except TaskCancelled:
            told.set()
            raise

    async with single.stream(produce, task_type=CPU, buffer=1) as stream:
        await anext(stream)
    assert told.is_set()


async def test_a_stream_that_is_dropped_is_cancelled(single):
    stream = single.stream(count, 1_000_000, task_type=CPU, buffer=1)
    info = stream.info
    await anext(stream)
    del stream
    gc.collect()
    await single.lane("cpu").drain()
    assert info.status is TaskStatus.CANCELLED


async def test_a_waiting_stream_can_be_closed(single):
    first = single.stream(count, 1_000_000, task_type=CPU, buffer=1)
    await anext(first)
    second = single.stream(count, 10, task_type=CPU)
    await second.aclose()
    assert second.info.attempts == 0
    with pytest.raises(TaskCancelled):
        await anext(second)
    await first.aclose()


async def test_a_cancelled_task_ends_the_wait_of_its_consumer(single):
    never = asyncio.Event()

    async def produce() -> AsyncIterator[int]:
        yield 1
        await never.wait()
        yield 2

    stream = single.stream(produce)
    assert await anext(stream) == 1
    waiter = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    single.cancel(stream.info.task_id)
    with pytest.raises(TaskCancelled):
        await waiter


async def test_a_stream_that_takes_too_long_times_out(single):
    async with single.stream(count_for_ever, task_type=CPU, buffer=1, timeout=0.02) as stream:
        with pytest.raises(TaskTimeout, match="running"):
            await collect(stream)


async def test_a_full_lane_refuses_a_stream(single):
    single.lane("cpu").pause()
    for _ in range(8):
        single.submit(print, task_type=CPU)
    with pytest.raises(QueueFull):
        single.stream(count, 3, task_type=CPU)
    with pytest.raises(QueueFull):
        single.stream(count, 3, task_type=CPU)


@pytest.mark.parametrize(
    "options", [{"retries": 1, "retry_on": (OSError,)}, {"preemptible": True}], ids=str
)
async def test_a_stream_cannot_start_over(scheduler, options):
    with pytest.raises(InvalidTaskError, match="cannot start over"):
        scheduler.stream(count_on_loop, 3, **options)


@pytest.mark.parametrize("buffer", [0, -1])
async def test_a_buffer_without_a_place_is_refused(scheduler, buffer):
    with pytest.raises(InvalidTaskError, match="buffer"):
        scheduler.stream(count_on_loop, 3, buffer=buffer)


async def test_a_function_of_the_wrong_kind_is_refused_by_its_own_name(scheduler):
    with pytest.raises(InvalidTaskError, match=r"^count is not.*CPU_BOUND"):
        scheduler.stream(count, 3)
    with pytest.raises(InvalidTaskError, match=r"^count_on_loop is.*DEFAULT"):
        scheduler.stream(count_on_loop, 3, task_type=CPU)


@pytest.mark.parametrize("task_type", [DEFAULT, CPU, DEVICE])
async def test_a_coroutine_function_yields_nothing_and_is_refused(scheduler, task_type):
    async def no_generator(_emit: Callable[[int], None]) -> None:
        """Forgot its yield."""

    with pytest.raises(InvalidTaskError, match="no_generator"):
        scheduler.stream(no_generator, task_type=task_type)


@settings(max_examples=25)
@given(
    items=st.lists(st.integers(), max_size=30),
    buffer=st.integers(1, 8),
    taken=st.integers(0, 30),
    task_type=st.sampled_from([CPU, DEVICE]),
)
def test_what_is_taken_is_a_prefix_of_what_was_made(items, buffer, taken, task_type):
    async def main() -> list[int]:
        got: list[int] = []
        async with GlobalTaskScheduler(CONFIG) as scheduler:
            stream = scheduler.stream(iter_items, task_type=task_type, buffer=buffer)
            async with stream:
                while len(got) < taken:
                    try:
                        got.append(await anext(stream))
                    except StopAsyncIteration:
                        break
            assert scheduler.statistics()[stream.info.lane].running == 0
        return got

    def iter_items() -> Iterator[int]:
        yield from items

    assert asyncio.run(main()) == items[:taken]
