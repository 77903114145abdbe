"""``/v1/events``: what happens in the program, as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic_core import to_jsonable_python

from xy_core.core.events import Event, EventBus
from xy_core.server.dependencies import ConfigOf, RuntimeOf
from xy_core.server.streaming import EventStream, named_event

router = APIRouter(prefix="/v1/events", tags=["admin"])
_QUEUE = 256
"""Events that a slow reader may lag behind before it loses the oldest."""


@router.get("", response_class=EventStream, status_code=200)
async def events(
    runtime: RuntimeOf,
    config: ConfigOf,
    topic: Annotated[
        str, Query(max_length=100, pattern=r"^[\w.*?-]+$", description="Such as emotion.*")
    ] = "*",
) -> EventStream:
    """Stream the events of the bus whose topics match; each event is named by its topic."""
    return EventStream(_follow(runtime.engine.bus, topic), ping_seconds=config.ping_seconds)


async def _follow(bus: EventBus, topic: str) -> AsyncGenerator[bytes, None]:
    async with bus.subscribe(topic, name="server.events", queue_size=_QUEUE) as subscription:
        yield b": listening\n\n"
        number = 0
        async for event in subscription:
            yield named_event(event.topic, _body(event), number)
            number += 1


def _body(event: Event) -> dict[str, Any]:
    fields = to_jsonable_python(event, fallback=lambda value: type(value).__name__)
    return {"topic": event.topic, "priority": event.priority.name, "data": fields}
