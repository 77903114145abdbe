"""What a process of its own costs a model: arrays, calls, restarts, and what others notice."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from xy_core.bench.result import BenchResult, Check, Figures, Progress, median_ratio
from xy_core.core.config import HostConfig, LogConfig
from xy_core.core.host import HostState, ModelHost
from xy_core.core.logging import configure_logging
from xy_core.core.scheduler import GlobalTaskScheduler

_SHAPE = (1_080, 1_920, 3)
_PICTURES = 32
"""So many that none of them still lies in a cache when its turn comes, as with a camera's."""
_WARM_UP = 10
_BANDWIDTH_BOUND = 0.5
_LATER_MS = 5.0
"""What may hold up the loop, by design (docs/architecture.md)."""

Image = NDArray[np.uint8]


class Echo:
    """The least that a model can do."""

    def echo(self, value: object) -> object:
        """Give back what came; an array is copied once on its way there, and once back."""
        return value


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about half a minute, or ten seconds with `quick`."""
    configure_logging(LogConfig(level="error"))  # processes that are to die are no news
    rounds = 100 if quick else 1_000
    pictures = [np.full(_SHAPE, number, np.uint8) for number in range(_PICTURES)]
    rows: dict[str, Figures] = {}
    with _host() as host:
        progress("pictures, one after the other")
        fresh = _pictures(host, pictures, rounds)
        progress("the same picture again and again")
        cached = _pictures(host, pictures[:1], rounds)
        progress("calls")
        rows["call"] = _calls(host, rounds * 5)
    rows |= {"picture_1080p": fresh, "same_picture_1080p": cached}
    progress("restarts")
    rows["restart"] = _restarts(3 if quick else 10)
    progress("other lanes")
    rows |= asyncio.run(_others(3.0 if quick else 10.0))
    quiet, crashing = rows["other_lane_quiet"], rows["other_lane_during_crashes"]
    later = round((crashing["p99_ms"] or 0.0) - (quiet["p99_ms"] or 0.0), 4)
    checks = [
        Check("picture_vs_memcpy_bandwidth", fresh["vs_memcpy"], _BANDWIDTH_BOUND, "at least"),
        Check("other_lane_p99_later_by_crashes_ms", later, _LATER_MS, "at most"),
    ]
    return BenchResult("host", rows, checks)


@contextmanager
def _host() -> Iterator[ModelHost]:
    host = ModelHost("echo", Echo, config=HostConfig(nice=0, backoff=0.001, max_restarts=1_000))
    host.start()
    try:
        yield host
    finally:
        host.stop()


def _pictures(host: ModelHost, pictures: list[Image], rounds: int) -> Figures:
    """Send pictures there and back, each beside numpy's copy of the same picture.

    A round trip copies a picture twice, and numpy copies it twice: the same bytes, as many times.
    """
    target = np.empty_like(pictures[0])
    copies, trips = [], []
    for number in range(_WARM_UP + rounds):
        picture = pictures[number % len(pictures)]
        copy = 2 * _seconds(functools.partial(np.copyto, target, picture))
        trip = _seconds(functools.partial(host.call, "echo", picture))
        if number >= _WARM_UP:
            copies.append(copy)
            trips.append(trip)
    moved = 2 * target.nbytes / 1e9
    return {
        "round_trips": rounds,
        "round_trip_ms": _milliseconds(trips),
        "two_copies_ms": _milliseconds(copies),
        "gigabytes_per_second": round(moved / statistics.median(trips), 2),
        "memcpy_gigabytes_per_second": round(moved / statistics.median(copies), 2),
        "vs_memcpy": median_ratio(copies, trips),
    }


def _calls(host: ModelHost, rounds: int) -> Figures:
    """Call with a small argument, beside a bare pipe to a process that sends it back."""
    pipe, far_pipe = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_send_back, args=(far_pipe,), daemon=True
    )
    process.start()

    def bare() -> None:
        pipe.send(("echo", 1))
        pipe.recv()

    bare()
    calls, pipes = [], []
    for _ in range(rounds):
        pipes.append(_seconds(bare))
        calls.append(_seconds(lambda: host.call("echo", 1)))
    process.kill()
    process.join()
    return {
        "calls": rounds,
        "call_ms": _milliseconds(calls),
        "bare_pipe_ms": _milliseconds(pipes),
        "vs_bare_pipe": median_ratio(calls, pipes),
    }


def _send_back(pipe: Connection) -> None:
    while True:
        pipe.send(pipe.recv())


def _restarts(rounds: int) -> Figures:
    """Kill the process, and call at once: seconds until the answer of the next one."""
    with _host() as host:
        seconds = []
        for _ in range(rounds):
            _kill(host)
            seconds.append(_seconds(lambda: host.call("echo", 1)))
    return {"restarts": rounds, "kill_to_answer_ms": _milliseconds(seconds)}


async def _others(seconds: float) -> dict[str, Figures]:
    """Latency of the default lane, while nothing happens and while a process is killed and back."""
    rows: dict[str, Figures] = {}
    async with GlobalTaskScheduler() as scheduler:
        with _host() as host:
            rows["other_lane_quiet"] = await _latencies(scheduler, seconds)
            stopped = asyncio.Event()
            killing = asyncio.create_task(_keep_killing(host, stopped))
            rows["other_lane_during_crashes"] = await _latencies(scheduler, seconds)
            stopped.set()
            await killing
            rows["other_lane_during_crashes"] = {
                **rows["other_lane_during_crashes"],
                "crashes": host.restarts,
            }
    return rows


async def _keep_killing(host: ModelHost, stopped: asyncio.Event) -> None:
    while not stopped.is_set():
        if host.state is HostState.READY:
            _kill(host)
        await asyncio.sleep(0.01)


async def _latencies(scheduler: GlobalTaskScheduler, seconds: float) -> Figures:
    """From submission to the outcome of tasks that do nothing."""
    found = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        await scheduler.submit(asyncio.sleep, 0)
        found.append(time.perf_counter() - begun)
        await asyncio.sleep(0.001)
    ordered = sorted(found)
    return {
        "tasks": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2] * 1e3, 4),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))] * 1e3, 4),
    }


def _kill(host: ModelHost) -> None:
    if host.pid is not None:
        os.kill(host.pid, signal.SIGKILL)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _milliseconds(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1e3, 4)
