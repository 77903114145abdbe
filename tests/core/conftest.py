"""Schedulers, and a clock that jumps instead of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.core.recorder import QUICK, Offer, Recorder
from xy_core.core.config import DeviceConfig, LaneConfig, SchedulerConfig
from xy_core.core.engine import CoreEngine
from xy_core.core.events import EventBus
from xy_core.core.scheduler import GlobalTaskScheduler

T = TypeVar("T")

settings.register_profile(
    "core", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("core")


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer as soon as nothing else is to be done.

    For code that runs on the loop alone: a thread's work takes no time on this clock.
    """

    def __init__(self) -> None:
        self._now = 1_000.0
        super().__init__()

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now = max(self._now, self._scheduled[0]._when)
        super()._run_once()


@pytest.fixture
def jump() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine to its end on a loop whose clock jumps."""

    def run(main: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(main)

    return run


def small_config(**changes: Any) -> SchedulerConfig:
    """A scheduler of two slots a lane."""
    two = LaneConfig(min_workers=2, max_workers=2, queue_size=100)
    values = {"default": two, "cpu": two, "devices": (DeviceConfig(name="cpu", slots=2),)}
    return SchedulerConfig(**(values | changes))


@pytest.fixture
def config() -> Callable[..., SchedulerConfig]:
    """Make the configuration of a small scheduler, with changes."""
    return small_config


@pytest.fixture
async def scheduler() -> AsyncIterator[GlobalTaskScheduler]:
    """A running scheduler of two slots a lane."""
    async with GlobalTaskScheduler(small_config()) as running:
        yield running


@pytest.fixture
async def single() -> AsyncIterator[GlobalTaskScheduler]:
    """A running scheduler of one slot a lane."""
    one = LaneConfig(min_workers=1, max_workers=1, queue_size=8)
    devices = (DeviceConfig(name="cpu", slots=1, queue_size=8),)
    async with GlobalTaskScheduler(small_config(default=one, cpu=one, devices=devices)) as running:
        yield running


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    """An event bus, closed at the end."""
    bus = EventBus()
    yield bus
    await bus.close()


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def offer(monkeypatch, calls):
    """Offer modules to the engine as installed packages do."""
    offers: dict[str, Any] = {}
    monkeypatch.setattr("xy_core.core.engine.installed_modules", lambda: offers)

    def add(name: str, *requires: str, base: type[Recorder] = Recorder, **members: Any) -> None:
        values = {"name": name, "requires": requires, "calls": calls} | members
        kind = type(name.title(), (base,), values)
        offers[name] = Offer(lambda: kind)

    add.offers = offers
    return add


@pytest.fixture
async def engine(config):
    made = CoreEngine(
        scheduler=GlobalTaskScheduler(config()), bus=EventBus(), sections={}, config=QUICK
    )
    async with made:
        yield made
