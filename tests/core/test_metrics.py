"""The scheduler's figures as Prometheus and OpenTelemetry read them."""

from __future__ import annotations

import asyncio
import sys

import pytest

from xy_core.core.errors import MissingExtraError, TaskCancelled
from xy_core.core.metrics import SchedulerCollector, export_spans
from xy_core.core.trace import Trace
from xy_core.core.watchdog import LoopWatchdog


async def nothing() -> None:
    """End at once."""


async def fail() -> None:
    raise LookupError("lost")


async def test_prometheus_reads_every_lane(single):
    prometheus = pytest.importorskip("prometheus_client")
    registry = prometheus.CollectorRegistry()
    watchdog = LoopWatchdog()
    registry.register(SchedulerCollector(single, watchdog))
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
    assert value("xy_core_task_wait_seconds", quantile="0.99") >= 0
    assert value("xy_core_task_run_seconds", quantile="0.5") >= 0
    assert value("xy_core_loop_lag_seconds", lane="loop", quantile="0.5") == 0
    assert value("xy_core_workers", lane="device:cpu") == 1
    assert b"# TYPE xy_core_tasks_total counter" in prometheus.generate_latest(registry)


async def test_every_ended_task_becomes_one_span(single):
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))

    await single.run(nothing, name="test.nothing")
    with pytest.raises(LookupError):
        await single.run(fail, name="test.fail")
    single.lane("default").pause()
    handle = single.submit(nothing, name="test.never")
    handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    single.submit(nothing, name="test.waits")

    assert export_spans(single.trace, provider.get_tracer("test")) == 3
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert spans.keys() == {"test.nothing", "test.fail", "test.never"}
    assert spans["test.nothing"].attributes["xy_core.status"] == "completed"
    assert spans["test.nothing"].status.is_ok
    assert spans["test.fail"].status.description == "lost"
    for span in spans.values():
        assert span.end_time >= span.start_time
        assert span.attributes["xy_core.wait_seconds"] >= 0


async def test_without_the_libraries_the_extra_is_named(scheduler, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[observe\]"):
        SchedulerCollector(scheduler)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[observe\]"):
        export_spans(Trace(1))
