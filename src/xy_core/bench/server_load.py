"""The server under load: many clients that stream at once, for minutes.

The clients are in a process of their own. The server is in this one, so that its loop's lag and
its memory can be seen.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.bench.stream_client import Load, StreamClient, Target, stream_client
from xy_core.core.watchdog import LoopWatchdog
from xy_core.runtime import open_runtime
from xy_core.server.serving import run_serving, serving
from xy_core.settings import Settings

_CLIENTS = 200
_SECONDS = 300.0
_QUICK_SECONDS = 30.0
_TOKENS = 16
_WARM_UP = 3.0
_MEBIBYTE = 1 << 20
_LOOK = 1.0
"""Seconds between two looks at the memory."""
_LAG_MS = 20.0
_GROWTH = 16.0
"""MiB by which the last quarter of the time may exceed the second: what allocators keep."""


def run(*, settings: Settings, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about six minutes, or one with `quick`."""
    return run_serving(_run(settings, _QUICK_SECONDS if quick else _SECONDS, progress))


async def _run(settings: Settings, seconds: float, progress: Progress) -> BenchResult:
    model = next(model for model in settings.llm.models if model.prompt == "chat")
    with tempfile.TemporaryDirectory() as folder:
        apart = _apart(settings, Path(folder))
        async with (
            open_runtime(apart, ["llm"]) as runtime,
            serving(runtime, apart.server) as address,
            stream_client() as client,
        ):
            target = Target(f"{address}/v1/chat/completions", {}, {"model": model.id})
            progress("warming up")
            await client.load(target, settings.llm.slots, _WARM_UP)
            progress(f"{_CLIENTS} clients for {seconds:g} s")
            return await _loaded(client, target, seconds)


def _apart(settings: Settings, folder: Path) -> Settings:
    """Return the settings with keys, a port and a length of replies of their own."""
    limits = settings.server.limits.model_copy(update={"per_minute": 1_000_000})
    server = settings.server.model_copy(
        update={"port": 0, "keys": folder / "keys.json", "limits": limits}
    )
    llm = settings.llm.model_copy(update={"max_tokens": _TOKENS})
    return settings.model_copy(update={"server": server, "llm": llm})


async def _loaded(client: StreamClient, target: Target, seconds: float) -> BenchResult:
    async with LoopWatchdog() as watchdog, _sampled_memory() as memory:
        begun = time.monotonic()
        load = await client.load(target, _CLIENTS, seconds)
        took = time.monotonic() - begun
    return _result(load, took, watchdog, memory)


@asynccontextmanager
async def _sampled_memory() -> AsyncIterator[list[float]]:
    """Look at this process's resident memory, in MiB, again and again."""
    found: list[float] = []
    process = psutil.Process()

    async def look() -> None:
        while True:
            found.append(process.memory_info().rss / _MEBIBYTE)
            await asyncio.sleep(_LOOK)

    looking = asyncio.create_task(look())
    try:
        yield found
    finally:
        looking.cancel()


def _result(load: Load, took: float, watchdog: LoopWatchdog, memory: list[float]) -> BenchResult:
    lag = {
        f"p{share * 100:g}_ms": round(watchdog.lag_quantile(share) * 1e3, 2)
        for share in (0.5, 0.95, 0.99)
    }
    quarter = max(1, len(memory) // 4)
    before, after = memory[quarter : 2 * quarter], memory[-quarter:]
    growth = round(statistics.fmean(after) - statistics.fmean(before), 2)
    rows: dict[str, Figures] = {
        "replies": {
            "replies": load.replies,
            "tokens_per_second": round(load.tokens / took, 1),
            "refused_429": load.refused,
            "first_token_p50_s": round(load.firsts[0], 2) if load.firsts else None,
            "first_token_p95_s": round(load.firsts[1], 2) if load.firsts else None,
        },
        "errors": dict(load.errors) or {"none": 0},
        "loop_lag": {**lag, "max_ms": round(watchdog.lag.maximum * 1e3, 2)},
        "memory": {
            "rss_first_mib": round(memory[0], 1),
            "rss_last_mib": round(memory[-1], 1),
            "rss_most_mib": round(max(memory), 1),
        },
    }
    checks = [
        Check("replies", load.replies, 1, "at least"),
        Check("errors_but_429", sum(load.errors.values()), 0, "at most"),
        Check("loop_lag_p99_ms", lag["p99_ms"], _LAG_MS, "at most"),
        Check("rss_growth_mib", growth, _GROWTH, "at most"),
    ]
    return BenchResult("server-load", rows, checks)
