"""Modules that fail while they run come back, with whoever needs them, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.core.recorder import Recorder
from xy_core.core.config import EngineConfig
from xy_core.core.engine import CoreEngine, ModuleChanged
from xy_core.core.errors import ModuleUnavailable
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext, ModuleHealth
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.supervision import RestartBudget

LOST = LookupError("the device was lost")
CONFIG = EngineConfig(
    initialize_timeout=5.0,
    stop_timeout=1.0,
    drain_timeout=1.0,
    health_interval=10.0,
    max_restarts=3,
    restart_window=300.0,
    restart_backoff=1.0,
)


@pytest.fixture
def supervise(jump, config):
    """Run a scenario with an engine, on a clock that jumps."""

    def run(scenario: Callable[[CoreEngine], Awaitable[None]], **changes: Any) -> None:
        async def main() -> None:
            engine = CoreEngine(
                scheduler=GlobalTaskScheduler(config()),
                bus=EventBus(),
                sections={},
                config=CONFIG.model_copy(update=changes),
            )
            async with engine:
                await scenario(engine)

        jump(main())

    return run


async def until(engine: CoreEngine, name: str, status: HealthStatus) -> ModuleChanged:
    async with engine.bus.subscribe(ModuleChanged) as changes:
        async for change in changes:
            if change.module == name and change.status is status:
                return change
    raise AssertionError


def test_a_module_that_reports_a_failure_is_restarted_with_its_dependants(supervise, offer, calls):
    offer("store")
    offer("memory", "store")
    offer("agent", "memory")
    offer("voice")

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["agent", "voice"])
        calls.clear()
        voice, store = engine.get("voice"), engine.get("store")
        store.report_failure(LOST)
        await until(engine, "agent", HealthStatus.READY)
        assert engine.get("voice") is voice
        assert engine.get("store") is not store
        assert calls == [
            *("stop agent", "stop memory", "stop store"),
            *("initialize store", "start store"),
            *("initialize memory", "start memory"),
            *("initialize agent", "start agent"),
        ]
        report = await engine.report()
        assert report.modules["store"].restarts == 1
        assert report.status is HealthStatus.READY

    supervise(scenario)


def test_while_it_is_down_a_module_says_why_and_what_will_happen(supervise, offer):
    offer("store")
    offer("memory", "store")

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["memory"])
        engine.get("store").report_failure(LOST)
        await until(engine, "memory", HealthStatus.RESTARTING)
        health = await engine.health()
        assert health["store"].status is HealthStatus.RESTARTING
        assert "device was lost" in health["store"].detail
        assert "store, which it requires" in health["memory"].detail
        assert (await engine.report()).status is HealthStatus.DEGRADED
        with pytest.raises(ModuleUnavailable, match="device was lost"):
            engine.get("store")

    supervise(scenario)


@pytest.mark.parametrize("raises", [False, True])
def test_a_module_whose_health_has_failed_twice_is_restarted(supervise, offer, calls, raises):
    answers = iter([HealthStatus.FAILED, HealthStatus.FAILED])

    async def health(_self: Recorder) -> ModuleHealth:
        status = next(answers, HealthStatus.READY)
        if raises and status is HealthStatus.FAILED:
            raise LOST
        return ModuleHealth(status, "no device")

    offer("llm", health=health)

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["llm"])
        before = asyncio.get_running_loop().time()
        await until(engine, "llm", HealthStatus.READY)
        assert 20.0 <= asyncio.get_running_loop().time() - before <= 21.0
        assert calls.count("initialize llm") == 2

    supervise(scenario)


def test_one_bad_moment_is_no_failure(supervise, offer, calls):
    answers = iter([HealthStatus.FAILED, HealthStatus.READY, HealthStatus.FAILED])

    async def health(_self: Recorder) -> ModuleHealth:
        return ModuleHealth(next(answers, HealthStatus.READY))

    offer("llm", health=health)

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["llm"])
        await asyncio.sleep(100)
        assert calls == ["initialize llm", "start llm"]

    supervise(scenario)


def test_a_module_that_fails_again_and_again_stays_down_and_says_so(supervise, offer, calls):
    async def fails_when_started(self: Recorder) -> None:
        self.calls.append("start llm")
        self.report_failure(LOST)

    offer("llm", start=fails_when_started)
    offer("needs_llm", "llm")

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["needs_llm"])
        change = await until(engine, "llm", HealthStatus.FAILED)
        assert "3 restarts within 300 s" in change.detail
        assert calls.count("start llm") == 1 + CONFIG.max_restarts
        await asyncio.sleep(1_000)
        health = await engine.health()
        assert {one.status for one in health.values()} == {HealthStatus.FAILED}
        assert "device was lost" in health["llm"].detail
        offer("llm")
        await engine.load_module("llm")
        await engine.load_module("needs_llm")
        assert (await engine.report()).status is HealthStatus.READY

    supervise(scenario)


def test_a_restart_that_fails_is_tried_again(supervise, offer):
    starts = iter([None, LOST, LOST])

    async def initialize(_self: Recorder) -> None:
        error = next(starts, None)
        if error is not None:
            raise error

    offer("llm", initialize=initialize)

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["llm"])
        engine.get("llm").report_failure(LOST)
        await until(engine, "llm", HealthStatus.READY)
        assert (await engine.report()).modules["llm"].restarts == 3

    supervise(scenario)


def test_a_module_that_failed_when_it_was_loaded_is_not_restarted(supervise, offer, calls):
    async def fail(_self: Recorder) -> None:
        raise LOST

    offer("llm", initialize=fail)

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["llm"])
        await asyncio.sleep(1_000)
        assert calls == ["stop llm"]

    supervise(scenario)


@pytest.mark.parametrize("unloaded", ["store", "memory"])
def test_what_is_unloaded_by_hand_while_it_is_down_does_not_come_back(supervise, offer, unloaded):
    offer("store")
    offer("memory", "store")

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["memory"])
        engine.get("store").report_failure(LOST)
        await until(engine, "store", HealthStatus.RESTARTING)
        await engine.unload_module(unloaded)
        await asyncio.sleep(1_000)
        assert set(await engine.health()) == ({"store"} if unloaded == "memory" else set())

    supervise(scenario, restart_backoff=100.0)


def test_stopping_ends_a_restart_that_waits(supervise, offer, calls):
    offer("llm")

    async def scenario(engine: CoreEngine) -> None:
        await engine.load_modules(["llm"])
        engine.get("llm").report_failure(LOST)
        await asyncio.sleep(0)

    supervise(scenario)
    assert calls[-1] == "stop llm"


def test_a_failure_without_an_engine_is_only_logged(config, offer):
    offer("llm")
    kind = offer.offers["llm"].load()
    module = kind(ModuleContext(GlobalTaskScheduler(config()), EventBus()), None)
    module.report_failure(LOST)


# -- the budget ------------------------------------------------------------------------------


def test_a_budget_grows_its_waits_and_is_spent_and_comes_back():
    budget = RestartBudget(CONFIG)
    for number in range(CONFIG.max_restarts):
        assert 0 <= budget.take(float(number)) <= 2.0**number
    assert budget.take(3.0) is None
    assert budget.take(CONFIG.restart_window - 0.1) is None
    assert budget.take(CONFIG.restart_window) is not None


def test_a_budget_of_nothing_never_restarts():
    assert RestartBudget(CONFIG.model_copy(update={"max_restarts": 0})).take(0.0) is None
