"""The agent: turns what a user gives into a stream of events that ends in a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from xy_core.agent.calls import TurnTools
from xy_core.agent.config import AgentConfig
from xy_core.agent.events import TurnEvent
from xy_core.agent.percept import UserInput
from xy_core.agent.recap import Recaps
from xy_core.agent.told import Events, told_events
from xy_core.agent.tools import ToolBox
from xy_core.agent.turn import Turn
from xy_core.core.engine import CoreEngine
from xy_core.modules.llm import Tool
from xy_core.modules.llm.types import ToolChoice

_BUFFER = 64
"""Events that a slow listener may lag behind before the turn waits for it."""


class Agent:
    """Perceives, feels, recalls, thinks and expresses, with the modules of one engine."""

    def __init__(
        self, engine: CoreEngine, config: AgentConfig, tools: ToolBox | None = None
    ) -> None:
        self._engine = engine
        self._config = config
        self._recaps = Recaps()
        self._tools = tools or ToolBox({})

    def answering(self, *, speak: bool) -> Agent:
        """Return the same agent, whose replies are spoken, or written only."""
        config = self._config.model_copy(update={"speak": speak})
        same = Agent(self._engine, config, self._tools)
        same._recaps = self._recaps
        return same

    async def respond(self, user_input: UserInput) -> AsyncGenerator[TurnEvent, None]:
        """Run one turn and yield its events as they happen.

        The last event is `TurnDone` or `TurnFailed`. Closing the iterator stops everything that
        belongs to the turn, down to the device, before it returns.
        """
        events: Events = asyncio.Queue(_BUFFER)
        tools = TurnTools(self._tools, self._config, events.put)
        turn = Turn(self._engine, self._config, user_input, events.put, self._recaps, tools=tools)
        async with aclosing(told_events(turn.run(), events)) as told:
            async for event in told:
                yield event

    def converse(
        self,
        user_input: UserInput,
        *,
        speak: bool = True,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
    ) -> SpokenTurn:
        """Return a turn that the user may interrupt; nothing of it runs yet.

        Args:
            user_input: what the user said, typed or showed.
            speak: whether the reply is spoken.
            tools: what the caller runs for the model: a call is told as `ToolCalled`, the reply
                ends, and goes on with `SpokenTurn.go_on`.
            tool_choice: ``auto``, ``none``, ``required``, or the tool that is called first.
        """
        events: Events = asyncio.Queue(_BUFFER)
        config = self._config.model_copy(update={"speak": speak})
        calls = TurnTools(self._tools, config, events.put, tools, tool_choice)
        turn = Turn(self._engine, config, user_input, events.put, self._recaps, tools=calls)
        return SpokenTurn(turn, events)


class SpokenTurn:
    """A turn whose reply is remembered only as far as the user heard it."""

    def __init__(self, turn: Turn, events: Events) -> None:
        self._turn = turn
        self._events = events

    async def events(self) -> AsyncGenerator[TurnEvent, None]:
        """Run the turn, once; like `Agent.respond`, but nothing is remembered."""
        async with aclosing(told_events(self._turn.answer(), self._events)) as told:
            async for event in told:
                yield event

    async def go_on(self, results: Mapping[str, str]) -> AsyncGenerator[TurnEvent, None]:
        """Go on after calls of the caller's tools; like `events`.

        Args:
            results: what they returned, by the ids of their calls.
        """
        async with aclosing(told_events(self._turn.go_on(results), self._events)) as told:
            async for event in told:
                yield event

    async def remember(self, heard: str) -> None:
        """Hand to memory what the user said, and what they heard of the reply.

        Nothing is remembered of a turn that ended before the user's words were understood.

        Args:
            heard: the beginning of the reply that reached the user; may be empty.

        Raises:
            XyCoreError: the memory does not work.
        """
        await self._turn.remember(heard)
