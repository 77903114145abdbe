"""What the parts of one turn share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from xy_core.agent.config import AgentConfig
from xy_core.agent.events import PartFailed, TurnEvent
from xy_core.agent.percept import UserInput
from xy_core.core.engine import CoreEngine
from xy_core.core.errors import XyCoreError

T = TypeVar("T")


@dataclass(slots=True)
class TurnContext:
    """One turn's surroundings.

    Attributes:
        engine: lends the modules.
        config: of the agent.
        input: what the user gave.
        tell: hands an event to the listener.
        seconds: when things happened, since the turn began.
    """

    engine: CoreEngine
    config: AgentConfig
    input: UserInput
    tell: Callable[[TurnEvent], Awaitable[None]]
    seconds: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def mark(self, moment: str) -> None:
        """Note that something happened for the first time."""
        self.seconds.setdefault(moment, round(time.monotonic() - self._begun, 4))

    async def or_without(self, part: str, work: Awaitable[T], otherwise: T) -> T:
        """Await a part of the turn; if it fails, say so and go on without it."""
        try:
            return await work
        except XyCoreError as error:
            await self.tell(PartFailed(part, error))
            return otherwise
