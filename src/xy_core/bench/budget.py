"""Real models that do not fit together into a budget of memory: all are served, in turns.

Two language models in llama.cpp and Whisper, each in a process of its own, so that the operating
system tells what each takes and gets it back.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import psutil

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.events import EventBus
from xy_core.core.model import ModelMoved, ModelState
from xy_core.core.module import ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.modules.llm import LLMService, Message
from xy_core.modules.llm.config import LLMConfig
from xy_core.modules.voice import Audio, VoiceService
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig
from xy_core.settings import Settings

_BUDGET = 1000 << 20
_REQUESTS = 24
_AT_ONCE = 6
_LOOK = 0.05
"""Seconds between two looks at the processes' memory."""
_SAID = {"en": "How was your day?", "zh": "今天过得怎么样？"}

Request = Callable[[], Coroutine[Any, Any, None]]


def run(settings: Settings, *, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about a minute. Needs the models of the profile ``embedded``."""
    return asyncio.run(_measure(settings, _REQUESTS // 3 if quick else _REQUESTS, progress))


async def _measure(settings: Settings, count: int, progress: Progress) -> BenchResult:
    store = ModelStore(settings.models.root, settings.models.catalogue)
    config = SchedulerConfig(devices=(DeviceConfig(name="cpu", memory=_BUDGET),))
    loads: list[ModelMoved] = []
    async with GlobalTaskScheduler(config) as scheduler:
        scheduler.on_model_moved = loads.append
        async with _modules(scheduler, store) as (llm, voice):
            sizes = {
                model.name: model.full_size
                for device in scheduler.devices()
                for model in device.models
            }
            watch = _Watch()
            async with watch:
                seconds = await _serve(_requests(llm, voice, count), progress)
    came = sum(moved.state is ModelState.READY for moved in loads)
    rows: dict[str, Figures] = {
        "models": {f"{name}_mb": size >> 20 for name, size in sizes.items()},
        "memory": {
            "budget_mb": _BUDGET >> 20,
            "models_together_mb": sum(sizes.values()) >> 20,
            "peak_rss_mb": watch.peak >> 20,
        },
        "requests": {
            "answered": len(seconds),
            "p50_seconds": round(statistics.median(seconds), 2),
            "longest_seconds": round(max(seconds), 2),
            "loads": came,
        },
    }
    return BenchResult(
        "budget",
        rows,
        [
            Check("models_over_budget", round(sum(sizes.values()) / _BUDGET, 3), 1.0, "at least"),
            Check("answered", len(seconds) / count, 1.0, "at least"),
            Check("peak_rss_over_budget", round(watch.peak / _BUDGET, 3), 1.1, "at most"),
        ],
    )


@asynccontextmanager
async def _modules(
    scheduler: GlobalTaskScheduler, store: ModelStore
) -> AsyncIterator[tuple[LLMService, VoiceService]]:
    context = ModuleContext(scheduler, EventBus(), {ModelStore: store})
    spoken = (SynthesizerConfig(engine="espeak", languages=("en",)),)
    llm = LLMService(context, LLMConfig(isolation="process", max_tokens=24))
    voice = VoiceService(context, VoiceConfig(isolation="process", synthesizers=spoken))
    try:
        await llm.initialize()
        await voice.initialize()
        yield llm, voice
    finally:
        await llm.stop()
        await voice.stop()


def _requests(llm: LLMService, voice: VoiceService, count: int) -> list[Request]:
    """Return as many requests of each kind, in an order that the seed decides."""
    noise = np.random.default_rng(7).normal(0, 0.05, 32_000).astype(np.float32)
    audio = Audio(noise, 16_000)

    async def write(language: str) -> None:
        message = Message("user", _SAID[language])
        async with llm.generate([message], language=language) as stream:
            async for _ in stream:
                pass

    async def hear() -> None:
        await voice.transcribe(audio, language="en")

    kinds: list[Request] = [lambda: write("en"), lambda: write("zh"), hear]
    chosen = [kinds[number % len(kinds)] for number in range(count)]
    random.Random(7).shuffle(chosen)  # noqa: S311 - a load, not a secret
    return chosen


async def _serve(requests: list[Request], progress: Progress) -> list[float]:
    """Serve some at a time; returns how long each took, in seconds."""
    seconds: list[float] = []
    left = iter(requests)

    async def work() -> None:
        for request in left:
            begun = time.perf_counter()
            await request()
            seconds.append(time.perf_counter() - begun)
            progress(f"{len(seconds)} / {len(requests)} requests")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())
    return seconds


class _Watch:
    """The most memory that the processes of the models ever took together, in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._look())

    async def __aexit__(self, *exception: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            self.peak = max(self.peak, await asyncio.to_thread(_resident))
            await asyncio.sleep(_LOOK)


def _resident() -> int:
    total = 0
    for child in psutil.Process().children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
