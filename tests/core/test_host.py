"""A host: calls, streams and cancellation across the border of a process."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from tests.core.host_guests import Guest, Unpackable, Unwilling
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.config import HostConfig
from xy_core.core.errors import (
    InvalidTaskError,
    TaskCancelled,
    TaskError,
    WorkerCrashed,
    WorkerUnavailable,
)
from xy_core.core.host import HostState, ModelHost
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

GPU = TaskType.GPU_BOUND


@pytest.fixture(scope="module")
def host() -> Iterator[ModelHost]:
    """One host for all tests that leave it as they found it."""
    host = ModelHost("guest", Guest, "guest 1", begin="load", config=HostConfig(cancel_grace=30))
    host.start()
    yield host
    host.stop()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_an_object_lives_in_another_process(host):
    host.start()
    assert host.call("facts") == ("guest 1", 1)
    assert host.call("pid") == host.pid != os.getpid()
    assert host.state is HostState.READY
    assert host.call("divide", 1, b=2) == 0.5


def test_arrays_cross_and_what_is_kept_there_stays_whole(host):
    image = np.random.default_rng(0).integers(0, 255, (1_080, 1_920, 3), np.uint8)
    back = host.call("echo", image=image, small=np.arange(3), none=np.zeros((0, 4)))
    assert (back["image"] == image).all()
    assert back["small"].tolist() == [0, 1, 2]
    assert back["none"].shape == (0, 4)
    assert (host.call("echo", image[::2, ::-1]) == image[::2, ::-1]).all()
    host.call("keep", np.ones(1_000_000))
    for _ in range(4):
        host.call("echo", np.zeros(1_000_000))
    assert host.call("kept_sum") == 1_000_000


def test_arrays_larger_than_the_shared_memory_cross_as_well():
    host = ModelHost("small", Guest, config=HostConfig(shared_memory=1 << 20))
    host.start()
    try:
        huge = np.arange(3_000_000)
        assert (host.call("echo", huge) == huge).all()
    finally:
        host.stop()


def test_errors_come_back_with_the_trace_of_the_process(host):
    with pytest.raises(ZeroDivisionError) as raised:
        host.call("divide", 1)
    assert "in divide" in "".join(raised.value.__notes__)
    with pytest.raises(TaskError, match="OddError: very odd") as odd:
        host.call("odd")
    assert "in odd" in "".join(odd.value.__notes__)
    with pytest.raises(TaskError, match="SystemExit: 3"):
        host.call("quit")
    with pytest.raises(InvalidTaskError, match="Guest has no method 'nothing'"):
        host.call("nothing")
    assert host.restarts == 0


def test_what_cannot_cross_is_named(host):
    with pytest.raises(InvalidTaskError, match="cannot be sent to another process"):
        host.call("echo", threading.Lock())
    with pytest.raises(InvalidTaskError, match="cannot be sent to another process"):
        host.call("give_a_lambda")
    with pytest.raises(InvalidTaskError, match="cannot be read here"):
        host.call("echo", Unpackable())
    with pytest.raises(InvalidTaskError, match="cannot be sent to another process"):
        list(host.stream("hand_over", threading.Lock()))
    assert host.call("echo", 1) == 1


def test_several_calls_run_at_the_same_time(host, threads):
    met = [threads.submit(host.call, "meet") for _ in range(4)]
    assert sorted(future.result() for future in met) == [0, 1, 2, 3]


def test_no_more_calls_at_a_time_than_allowed(threads):
    host = ModelHost("narrow", Guest, config=HostConfig(calls=1))
    host.start()
    try:
        stream = host.stream("count", 100)
        assert next(stream) == 0
        waiting = threads.submit(host.call, "pid")
        assert not waiting.done()
        stream.close()
        assert waiting.result() == host.pid
    finally:
        host.stop()


# -- streams -------------------------------------------------------------------------------------


def test_items_come_in_order_from_generators_and_from_emit(host):
    assert list(host.stream("count", 1_000)) == list(range(1_000))
    assert list(host.stream("count", 0)) == []
    items = [np.arange(number * 1_000) for number in range(10)]
    for sent, came in zip(items, host.stream("hand_over", *items), strict=True):
        assert (sent == came).all()


def test_an_error_comes_after_the_items_before_it(host):
    stream = host.stream("break_off", 50)
    assert list(itertools.islice(stream, 50)) == list(range(50))
    with pytest.raises(ValueError, match="no more"):
        next(stream)


def test_a_producer_waits_for_a_slow_consumer_and_ends_when_the_stream_is_closed(host):
    stream = host.stream("count", 1_000_000)
    assert next(stream) == 0
    produced, ended = host.call("so_far")
    assert produced <= 40
    stream.close()
    produced, ended = host.call("so_far")
    assert produced <= 40
    assert ended == "count"


# -- cancellation --------------------------------------------------------------------------------


def cancelled_while(host: ModelHost, token: CancelToken, method: str) -> None:
    current_token.set(token)
    host.call(method)


def test_cancelling_ends_the_call_there_and_the_process_lives_on(host, threads):
    token = CancelToken()
    before = host.pid
    call = threads.submit(cancelled_while, host, token, "hold")
    assert host.call("wait_until_entered")
    token.cancel()
    with pytest.raises(TaskCancelled):
        call.result(10)
    assert host.pid == before
    assert host.call("echo", 1) == 1
    with pytest.raises(TaskCancelled):
        threads.submit(cancelled_while, host, token, "hold").result(10)


def test_a_call_that_does_not_end_when_cancelled_is_ended_with_its_process(threads):
    host = ModelHost("stubborn", Guest, config=HostConfig(cancel_grace=0.1, retries=0))
    host.start()
    try:
        before = psutil.Process(host.pid)
        token = CancelToken()
        call = threads.submit(cancelled_while, host, token, "hang")
        assert host.call("wait_until_entered")
        bystander = threads.submit(host.call, "meet")
        token.cancel()
        with pytest.raises(TaskCancelled):
            call.result(10)
        with pytest.raises(WorkerCrashed, match=r"cancelled call did not end within 0\.1 s"):
            bystander.result(10)
        assert host.call("pid") != before.pid
        assert not before.is_running()
    finally:
        host.stop()


async def test_cancelling_a_task_of_the_scheduler_reaches_the_process(host):
    async with GlobalTaskScheduler() as scheduler:
        handle = scheduler.submit(host.call, "hold", task_type=GPU)
        assert await asyncio.to_thread(host.call, "wait_until_entered")
        handle.cancel()
        await handle.released()
        async with scheduler.stream(host.stream, "count", 100_000, task_type=GPU) as stream:
            assert await anext(stream) == 0
        assert (await asyncio.to_thread(host.call, "so_far"))[1] == "count"
        assert scheduler.statistics()["device:cpu"].running == 0


# -- life ----------------------------------------------------------------------------------------


def test_calls_to_a_host_that_does_not_run_are_refused():
    host = ModelHost("idle", Guest)
    host.stop()
    with pytest.raises(WorkerUnavailable, match="'idle' is not running: load it"):
        host.call("pid")
    host.start()
    first = host.call("pid")
    host.stop()
    host.stop()
    assert not psutil.pid_exists(first)
    assert (host.state, host.pid) == (HostState.STOPPED, None)
    with pytest.raises(WorkerUnavailable):
        next(host.stream("count", 1))
    host.start()
    assert host.call("pid") != first
    host.stop()


@pytest.mark.parametrize(
    ("factory", "error", "text"),
    [
        (Unwilling, ValueError, "not today"),
        (Unpackable().__reduce__()[0], ValueError, "made again"),
        (lambda: None, InvalidTaskError, "cannot be sent"),
    ],
)
def test_what_cannot_be_made_says_why_and_leaves_no_process(factory, error, text):
    before = set(psutil.Process().children())
    host = ModelHost("unwilling", factory)
    with pytest.raises(error, match=text):
        host.start()
    assert host.state is HostState.STOPPED
    left = set(psutil.Process().children()) - before
    assert not [child for child in left if "spawn_main" in " ".join(child.cmdline())]


def test_stopping_ends_calls_politely_or_by_force(threads):
    host = ModelHost("busy", Guest, config=HostConfig(stop_timeout=0.2))
    host.start()
    holding = threads.submit(host.call, "hold")
    assert host.call("wait_until_entered")
    host.stop()
    with pytest.raises(TaskCancelled):
        holding.result(10)
    host.start()
    process = psutil.Process(host.pid)
    hanging = threads.submit(host.call, "hang")
    assert host.call("wait_until_entered")
    host.stop()
    with pytest.raises((WorkerCrashed, WorkerUnavailable)):
        hanging.result(10)
    assert not process.is_running()
