"""``/v1/runtime``: lanes, devices, the loop and the trace, at one moment and as they change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from xy_core.core.engine import CoreEngine
from xy_core.core.histogram import BOUNDS, Quantiles
from xy_core.core.trace import Trace, TraceEvent
from xy_core.server.admin.snapshot import Snapshot, devices_of, lanes_of, snapshot_of
from xy_core.server.dependencies import ConfigOf, RuntimeOf
from xy_core.server.streaming import DOCUMENTED_STREAM, EventStream, named_event

router = APIRouter(prefix="/v1/runtime", tags=["admin"])
_MOST_ROWS = 1_000
"""Trace events of one message: encoding them keeps the loop for about 2 ms."""
_ROWS_A_PIECE = 250
_LOOKBACK = 60.0
"""Seconds of the past with which a live view begins."""


class PerfettoTrace(BaseModel):
    """A Chrome trace, in the JSON object format."""

    traceEvents: list[dict[str, Any]]  # noqa: N815 - the format's own name
    displayTimeUnit: str  # noqa: N815 - the same


@router.get("", response_model=Snapshot)
async def runtime_snapshot(runtime: RuntimeOf) -> object:
    """Return lanes, devices, models and tasks under way."""
    return snapshot_of(runtime.engine)


@router.get("/live", response_class=StreamingResponse, responses=DOCUMENTED_STREAM)
async def live(
    runtime: RuntimeOf,
    config: ConfigOf,
    every: Annotated[float, Query(ge=0.1, le=10, description="Seconds between messages.")] = 0.25,
) -> EventStream:
    """Stream what changes: ``snapshot`` once, then ``state``, and ``trace`` when tasks move.

    A row of ``trace`` is: seconds since the epoch, event, task id, name, lane, task type,
    priority, worker, milliseconds that the attempt ran or null. ``missed`` counts what the
    scheduler's ring had no room for.
    """
    return EventStream(_follow(runtime.engine, every), ping_seconds=config.ping_seconds)


@router.get(
    "/trace",
    response_class=StreamingResponse,
    responses={200: {"model": PerfettoTrace, "description": "For ui.perfetto.dev."}},
)
async def trace(runtime: RuntimeOf) -> StreamingResponse:
    """Return the recorded events as a Chrome trace, to open at ui.perfetto.dev."""
    name = time.strftime("xy-core-%Y%m%d-%H%M%S.perfetto.json", time.gmtime())
    return StreamingResponse(
        _pieces(runtime.engine.scheduler.trace.copy()),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _follow(engine: CoreEngine, every: float) -> AsyncGenerator[bytes, None]:
    recorded = engine.scheduler.trace
    yield named_event("snapshot", snapshot_of(engine).model_dump(mode="json"))
    mark, lag = _beginning(recorded), engine.loop_lag()
    while True:
        before = max(mark, recorded.dropped)
        events, after = recorded.since(mark, _MOST_ROWS)
        if events:
            body = {"rows": [_row(one) for one in events], "missed": before - mark}
            yield named_event("trace", body)
        mark = after
        if mark < recorded.recorded:
            continue
        lag, late = engine.loop_lag(), lag
        yield named_event("state", _state(engine) | {"loop_lag": _lag_between(late, lag)})
        await asyncio.sleep(every)


def _beginning(recorded: Trace) -> int:
    """The mark from which a view is told the past."""
    since = time.time() - _LOOKBACK
    mark = max(recorded.dropped, recorded.recorded - _MOST_ROWS)
    recent, _ = recorded.since(mark, _MOST_ROWS)
    return mark + sum(event.ts < since for event in recent)


def _state(engine: CoreEngine) -> dict[str, Any]:
    return {
        "time": time.time(),
        "lanes": [lane.model_dump(mode="json") for lane in lanes_of(engine)],
        "devices": [device.model_dump(mode="json") for device in devices_of(engine)],
    }


def _lag_between(before: Quantiles | None, after: Quantiles | None) -> dict[str, float] | None:
    """How late the loop ran between two looks: the mean, and a bound that no beat exceeded."""
    if before is None or after is None or after.count == before.count:
        return None
    beats = after.count - before.count
    earlier = before.at_most or (0,) * len(BOUNDS)
    counts = [now - then for now, then in zip(after.at_most, earlier, strict=True)]
    worst = next((bound for bound, n in zip(BOUNDS, counts, strict=True) if n >= beats), BOUNDS[-1])
    return {"mean": (after.total - before.total) / beats, "worst": min(worst, after.maximum)}


def _row(event: TraceEvent) -> list[Any]:
    task = event.task
    ran = None if event.duration is None else round(event.duration * 1000, 3)
    return [
        round(event.ts, 6),
        event.event,
        task.task_id,
        task.name,
        task.lane,
        task.task_type.value,
        task.priority.name,
        event.worker,
        ran,
    ]


def _pieces(recorded: Trace) -> Iterator[bytes]:
    """Encode a trace piece by piece: the encoder keeps the interpreter's lock for each."""
    yield b'{"displayTimeUnit":"ms","traceEvents":['
    before = ""
    rows = recorded.perfetto_rows()
    while piece := list(islice(rows, _ROWS_A_PIECE)):
        yield (before + json.dumps(piece)[1:-1]).encode()
        before = ","
    yield b"]}"
