"""Which models clients can name: the agent, and what the running modules have."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar

from xy_core.core.errors import ModuleError
from xy_core.core.module import Module
from xy_core.modules.llm import LLMService
from xy_core.modules.memory import MemoryService
from xy_core.modules.voice import VoiceService
from xy_core.runtime import Runtime
from xy_core.server.errors import ApiError

AGENT = "xy-agent"
"""The id under which the whole agent answers: with feelings, memory, and everything it can."""
_STARTED = int(time.time())
_AnyModule = TypeVar("_AnyModule", bound=Module)  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True)
class Card:
    """A model that clients can name.

    Attributes:
        id: its name.
        does: ``chat``, ``speech``, ``transcription`` or ``embedding``; the agent does several.
        language: in which the module chooses it (ISO 639-1).
    """

    id: str
    does: frozenset[str]
    language: str = "en"

    def as_json(self) -> dict[str, object]:
        """Return it as OpenAI's API has it."""
        return {"id": self.id, "object": "model", "created": _STARTED, "owned_by": "xy-core"}


def cards(runtime: Runtime) -> dict[str, Card]:
    """Return all models that run now, by id."""
    found = [*_chat(runtime), *_voice(runtime), *_embedding(runtime)]
    does = frozenset().union(*(card.does for card in found)) - {"embedding"}
    agent = [Card(AGENT, does)] if "chat" in does else []
    return {card.id: card for card in [*agent, *found]}


def find(runtime: Runtime, aliases: dict[str, str], model: str, does: str) -> Card:
    """Return the model of that name.

    Raises:
        ApiError: there is none, or it does something else.
    """
    known = cards(runtime)
    card = known.get(aliases.get(model, model))
    if card is None:
        raise ApiError(
            404,
            f"no model {model[:100]!r} runs here: there are {', '.join(known) or 'none'}",
            "model_not_found",
            param="model",
        )
    if does not in card.does:
        fitting = ", ".join(other.id for other in known.values() if does in other.does)
        raise ApiError(
            400,
            f"model {card.id!r} does no {does}: take one of {fitting or 'none (no module)'}",
            "model_not_supported",
            param="model",
        )
    return card


def _chat(runtime: Runtime) -> list[Card]:
    llm = _running(runtime, LLMService)
    if llm is None:
        return []
    models, taken = [], set[str]()
    for entry in llm.config.models:
        # The module chooses by language: a model is reached by one that no earlier model has.
        own = [language for language in entry.languages if language not in taken]
        taken.update(entry.languages)
        if own:
            models.append(Card(entry.id, frozenset({"chat"}), own[0]))
    return models


def _voice(runtime: Runtime) -> list[Card]:
    voice = _running(runtime, VoiceService)
    if voice is None:
        return []
    hears = Card(voice.config.transcriber.id, frozenset({"transcription"}))
    speaks = [
        Card(entry.id or entry.engine, frozenset({"speech"}), entry.languages[0])
        for entry in voice.config.synthesizers
    ]
    return [hears, *speaks]


def _embedding(runtime: Runtime) -> list[Card]:
    memory = _running(runtime, MemoryService)
    if memory is None or memory.config.embedding is None or not hasattr(memory, "embed"):
        return []
    return [Card(memory.config.embedding, frozenset({"embedding"}))]


def _running(runtime: Runtime, kind: type[_AnyModule]) -> _AnyModule | None:
    try:
        return runtime.engine.module(kind)
    except ModuleError:
        return None
