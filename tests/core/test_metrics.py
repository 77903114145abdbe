"""The engine's figures as Prometheus reads them."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.core.recorder import Recorder, raises
from xy_core.core.engine import CoreEngine
from xy_core.core.errors import MissingExtraError
from xy_core.core.events import Event, EventBus
from xy_core.core.metrics import EngineCollector
from xy_core.core.watchdog import LoopWatchdog


async def nothing() -> None:
    """End at once."""


@pytest.fixture
def watched(single) -> CoreEngine:
    """An engine over a scheduler of one slot a lane."""
    return CoreEngine(scheduler=single, bus=EventBus(), sections={}, watchdog=LoopWatchdog())


@pytest.fixture
def registry(watched):
    """A registry that collects the engine's figures."""
    prometheus = pytest.importorskip("prometheus_client")
    found = prometheus.CollectorRegistry()
    found.register(EngineCollector(watched))
    return found


async def test_prometheus_reads_every_lane(single, registry):
    prometheus = pytest.importorskip("prometheus_client")
    started = asyncio.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    await single.run(nothing)
    single.submit(forever)
    single.submit(nothing)
    await started.wait()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"lane": "default"} | labels)

    assert value("xy_core_tasks_running") == 1
    assert value("xy_core_tasks_waiting") == 1
    assert value("xy_core_workers") == 1
    assert value("xy_core_tasks_total", status="completed") == 1
    assert value("xy_core_tasks_total", status="failed") == 0
    assert value("xy_core_task_wait_seconds_count") == 2
    assert value("xy_core_task_wait_seconds_bucket", le="+Inf") == 2
    assert value("xy_core_task_run_seconds_count") == 1
    assert value("xy_core_task_run_seconds_sum") >= 0
    assert value("xy_core_task_run_seconds_bucket", le="128.0") == 1
    assert value("xy_core_task_run_seconds_count", lane="cpu") == 0
    assert value("xy_core_workers", lane="device:cpu") == 1
    assert registry.get_sample_value("xy_core_loop_lag_seconds_count") == 0
    assert registry.get_sample_value("xy_core_device_up", {"device": "cpu"}) == 1
    assert registry.get_sample_value("xy_core_device_memory_bytes", {"device": "cpu"}) > 0
    text = prometheus.generate_latest(registry)
    assert b"# TYPE xy_core_tasks_total counter" in text
    assert b"# TYPE xy_core_task_wait_seconds histogram" in text


async def test_prometheus_reads_the_bus_and_the_modules(watched, registry, offer):
    async def work(self: Recorder) -> None:
        await self.context.scheduler.run(asyncio.sleep, 0)

    async def fail(_event: Event) -> None:
        raise LookupError

    offer("good", start=work)
    offer("bad", start=raises(LookupError("broken")))
    watched.bus.on("engine.*", fail, queue_size=1)
    async with watched:
        await watched.load_modules(["good", "bad"])
        await watched.bus.drain()
        value = registry.get_sample_value
        assert value("xy_core_bus_events_published_total", {"topic_group": "engine"}) == 2
        handled = value("xy_core_bus_handler_failures_total", {"topic_group": "engine"})
        lost = value("xy_core_bus_events_dropped_total", {"topic_group": "engine"})
        assert handled + lost == 2
        assert value("xy_core_module_status", {"module": "good", "status": "ready"}) == 1
        assert value("xy_core_module_status", {"module": "good", "status": "failed"}) == 0
        assert value("xy_core_module_status", {"module": "bad", "status": "failed"}) == 1
        assert value("xy_core_module_restarts_total", {"module": "good"}) == 0
        assert value("xy_core_module_tasks_total", {"module": "good", "status": "completed"}) == 1
        assert value("xy_core_module_tasks_active", {"module": "good", "status": "running"}) == 0
        assert value("xy_core_module_run_seconds_total", {"module": "good"}) >= 0
        assert value("xy_core_module_memory_bytes", {"module": "good"}) >= 0


async def test_without_the_library_the_extra_is_named(watched, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[observe\]"):
        EngineCollector(watched)
