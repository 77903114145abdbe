"""The agent: turns what a user gives into a stream of events that ends in a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from xy_core.agent.config import AgentConfig
from xy_core.agent.events import TurnEvent, TurnFailed
from xy_core.agent.percept import UserInput
from xy_core.agent.recap import Recaps
from xy_core.agent.turn import Turn
from xy_core.core.engine import CoreEngine
from xy_core.core.errors import BackendError, XyCoreError

_BUFFER = 64
"""Events that a slow listener may lag behind before the turn waits for it."""


class Agent:
    """Perceives, feels, recalls, thinks and expresses, with the modules of one engine."""

    def __init__(self, engine: CoreEngine, config: AgentConfig) -> None:
        self._engine = engine
        self._config = config
        self._recaps = Recaps()

    async def respond(self, user_input: UserInput) -> AsyncGenerator[TurnEvent, None]:
        """Run one turn and yield its events as they happen.

        The last event is `TurnDone` or `TurnFailed`. Closing the iterator stops everything that
        belongs to the turn, down to the device, before it returns.
        """
        events: asyncio.Queue[TurnEvent | None] = asyncio.Queue(_BUFFER)
        turn = Turn(self._engine, self._config, user_input, events.put, self._recaps)
        task = asyncio.create_task(_run_to_end(turn, events), name="agent.turn")
        try:
            while (event := await events.get()) is not None:
                yield event
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _run_to_end(turn: Turn, events: asyncio.Queue[TurnEvent | None]) -> None:
    """Run the turn; its first failure becomes its last event."""
    try:
        await turn.run()
    except* XyCoreError as group:
        await events.put(TurnFailed(_first(group)))
    except* Exception as group:  # noqa: BLE001 - told to the listener as the last event
        error = BackendError(f"the turn failed: {_first_error(group)!r}")
        error.__cause__ = _first_error(group)
        await events.put(TurnFailed(error))
    await events.put(None)


def _first(group: BaseExceptionGroup[XyCoreError]) -> XyCoreError:
    error = _first_error(group)
    return error if isinstance(error, XyCoreError) else BackendError(str(error))


def _first_error(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
