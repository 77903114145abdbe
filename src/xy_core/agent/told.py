"""The events of work that runs as a task, as its listener gets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeAlias

from xy_core.agent.events import TurnEvent, TurnFailed
from xy_core.core.errors import BackendError, XyCoreError, first_error

Events: TypeAlias = "asyncio.Queue[TurnEvent | None]"


async def told_events(
    work: Coroutine[Any, Any, object], events: Events
) -> AsyncGenerator[TurnEvent, None]:
    """Yield the events of a turn's work; closing stops the work and waits for its end."""
    task = asyncio.create_task(_run_to_end(work, events), name="agent.turn")
    try:
        while (event := await events.get()) is not None:
            yield event
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _run_to_end(work: Coroutine[Any, Any, object], events: Events) -> None:
    """Do a turn's work; its first failure becomes its last event."""
    try:
        await work
    except* XyCoreError as group:
        await events.put(TurnFailed(_first(group)))
    except* Exception as group:  # noqa: BLE001 - told to the listener as the last event
        error = BackendError(f"the turn failed: {first_error(group)!r}")
        error.__cause__ = first_error(group)
        await events.put(TurnFailed(error))
    await events.put(None)


def _first(group: BaseExceptionGroup[XyCoreError]) -> XyCoreError:
    error = first_error(group)
    return error if isinstance(error, XyCoreError) else BackendError(str(error))
