"""The trace as OpenTelemetry reads it."""

from __future__ import annotations

import asyncio
import sys

import pytest

from xy_core.core.errors import MissingExtraError, TaskCancelled, TaskTimeout
from xy_core.core.spans import export_spans
from xy_core.core.trace import Trace


async def nothing() -> None:
    """End at once."""


async def fail() -> None:
    raise LookupError("lost")


@pytest.fixture
def exported():
    """Spans that were exported, and the tracer that exports them."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    return exporter, provider.get_tracer("test")


async def test_every_ended_task_becomes_one_span(single, exported):
    exporter, tracer = exported
    await single.run(nothing, name="test.nothing")
    with pytest.raises(LookupError):
        await single.run(fail, name="test.fail")
    single.lane("default").pause()
    handle = single.submit(nothing, name="test.never")
    handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    single.submit(nothing, name="test.waits")

    assert export_spans(single.trace, tracer) == 3
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert spans.keys() == {"test.nothing", "test.fail", "test.never"}
    assert spans["test.nothing"].attributes["xy_core.status"] == "completed"
    assert spans["test.nothing"].status.is_ok
    assert spans["test.fail"].status.description == "lost"
    for span in spans.values():
        assert span.end_time >= span.start_time
        assert span.attributes["xy_core.wait_seconds"] >= 0


async def test_only_what_ended_badly_is_an_error(single, exported):
    exporter, tracer = exported
    failures = iter([LookupError("lost")])

    async def fail_once() -> None:
        for error in failures:
            raise error

    await single.run(fail_once, name="test.retried", retries=1, retry_on=(LookupError,))
    with pytest.raises(TaskTimeout):
        await single.run(asyncio.Event().wait, name="test.late", timeout=0.001)
    with pytest.raises(LookupError):
        await single.run(fail, name="test.fail")
    export_spans(single.trace, tracer)
    errors = {
        span.name: span.attributes.get("error.type") for span in exporter.get_finished_spans()
    }
    assert errors == {"test.retried": None, "test.late": "timeout", "test.fail": "_OTHER"}
    assert {span.name for span in exporter.get_finished_spans() if not span.status.is_ok} == {
        "test.late",
        "test.fail",
    }


async def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[observe\]"):
        export_spans(Trace(1))
