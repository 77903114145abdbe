"""Which models clients can name: the agent, and what the running modules have."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar

from xy_core.core.errors import ModuleError
from xy_core.core.module import Module
from xy_core.modules.image import ImageService
from xy_core.modules.llm import LLMService
from xy_core.modules.llm.config import LanguageModelConfig
from xy_core.modules.memory import MemoryService
from xy_core.modules.memory.embedding import SERVER
from xy_core.modules.vision import VisionService
from xy_core.modules.voice import VoiceService
from xy_core.runtime import Runtime
from xy_core.server.errors import ApiError

AGENT = "xy-agent"
"""The id under which the whole agent answers: with feelings, memory, and everything it can."""
_AGENT_DOES = frozenset({"chat", "speech", "transcription", "image"})
_STARTED = int(time.time())
_AnyModule = TypeVar("_AnyModule", bound=Module)  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True)
class Card:
    """A model that clients can name.

    Attributes:
        id: its name.
        does: ``chat``, ``tools``, ``json_schema``, ``embedding``, ``speech``, ``transcription``,
            ``image``; and what the agent takes beside words: ``image_input``, ``audio_input``.
        module: whose it is.
        language: in which the voice module chooses it (ISO 639-1).
    """

    id: str
    does: frozenset[str]
    module: str
    language: str = "en"

    def as_json(self) -> dict[str, object]:
        """Return it as OpenAI's API has it."""
        return {
            "id": self.id,
            "object": "model",
            "created": _STARTED,
            "owned_by": "xy-core",
            "capabilities": sorted(self.does),
        }


def cards(runtime: Runtime) -> dict[str, Card]:
    """Return all models that run now, by id."""
    found = [*_language(runtime), *_voice(runtime), *_image(runtime), *_meaning(runtime)]
    all_done = frozenset().union(*(card.does for card in found))
    agent = [Card(AGENT, _by_the_agent(runtime, all_done), "agent")] if "chat" in all_done else []
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


def _by_the_agent(runtime: Runtime, all_done: frozenset[str]) -> frozenset[str]:
    sees = {"image_input"} if _running(runtime, VisionService) else set()
    hears = {"audio_input"} if "transcription" in all_done else set()
    return (all_done & _AGENT_DOES) | sees | hears


def _language(runtime: Runtime) -> list[Card]:
    llm = _running(runtime, LLMService)
    if llm is None:
        return []
    return [Card(entry.id, _language_does(entry), llm.name) for entry in llm.config.models]


def _language_does(entry: LanguageModelConfig) -> frozenset[str]:
    if entry.task == "embed":
        return frozenset({"embedding"})
    # A base model goes on with a dialogue, and does nothing else.
    taught = {"tools", "json_schema"} if entry.prompt == "chat" else set()
    return frozenset({"chat", *taught})


def _voice(runtime: Runtime) -> list[Card]:
    voice = _running(runtime, VoiceService)
    if voice is None:
        return []
    hears = Card(voice.config.transcriber.id, frozenset({"transcription"}), voice.name)
    speaks = [
        Card(entry.id or entry.engine, frozenset({"speech"}), voice.name, entry.languages[0])
        for entry in voice.config.synthesizers
    ]
    return [hears, *speaks]


def _image(runtime: Runtime) -> list[Card]:
    image = _running(runtime, ImageService)
    return [Card(image.config.model, frozenset({"image"}), image.name)] if image else []


def _meaning(runtime: Runtime) -> list[Card]:
    """Return what memories are understood by, if it works."""
    memory = _running(runtime, MemoryService)
    if memory is None or memory.embedding_model is None:
        return []
    served = memory.config.embedding == SERVER
    name = memory.config.embedding_server.model if served else memory.embedding_model
    return [Card(name, frozenset({"embedding"}), memory.name)]


def _running(runtime: Runtime, kind: type[_AnyModule]) -> _AnyModule | None:
    try:
        return runtime.engine.module(kind)
    except ModuleError:
        return None
