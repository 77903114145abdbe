"""Schedulers, and a clock that jumps instead of waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.core.recorder import QUICK, Offer, Recorder
from xy_core.core.clock import run_virtual
from xy_core.core.config import DeviceConfig, LaneConfig, SchedulerConfig
from xy_core.core.engine import CoreEngine
from xy_core.core.events import EventBus
from xy_core.core.scheduler import GlobalTaskScheduler

T = TypeVar("T")

settings.register_profile(
    "core", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("core")


@pytest.fixture
def jump() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine to its end on a loop whose clock jumps."""

    return run_virtual


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
