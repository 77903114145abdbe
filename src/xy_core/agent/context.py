"""What the parts of one turn share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from xy_core.agent.config import AgentConfig
from xy_core.agent.events import PartFailed, TurnEvent
from xy_core.agent.percept import UserInput
from xy_core.agent.recap import Recaps, fallen_out
from xy_core.core.engine import CoreEngine
from xy_core.core.errors import XyCoreError
from xy_core.modules.llm import LLMService, Message

T = TypeVar("T")


@dataclass(slots=True)
class TurnContext:
    """One turn's surroundings.

    Attributes:
        engine: lends the modules.
        config: of the agent.
        input: what the user gave.
        tell: hands an event to the listener.
        recaps: of conversations that became too long.
        seconds: when things happened, since the turn began.
    """

    engine: CoreEngine
    config: AgentConfig
    input: UserInput
    tell: Callable[[TurnEvent], Awaitable[None]]
    recaps: Recaps
    seconds: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def mark(self, moment: str) -> None:
        """Note that something happened for the first time."""
        self.seconds.setdefault(moment, round(time.monotonic() - self._begun, 4))

    async def fitted(self, messages: Sequence[Message], language: str) -> tuple[Message, ...]:
        """Return the messages that fit into the model's context; the others are summed up later.

        Raises:
            ContextExceeded: the newest turn alone does not fit.
        """
        llm, person = self.engine.module(LLMService), self.input.person
        kept = await self.recaps.fitted(llm, messages, person=person, language=language)
        if fallen := fallen_out(messages, kept):
            self.recaps.sum_up(self.engine.scheduler, llm, fallen, person=person, language=language)
        return kept

    async def or_without(self, part: str, work: Awaitable[T], otherwise: T) -> T:
        """Await a part of the turn; if it fails, say so and go on without it."""
        try:
            return await work
        except XyCoreError as error:
            await self.tell(PartFailed(part, error))
            return otherwise
