"""The llm module: writes replies, counts tokens, turns texts into vectors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from xy_core.core.errors import InputError
from xy_core.core.host_proxy import ill_hosts
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.options import TaskOptions
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority
from xy_core.models import ModelStore
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.limits import check_request, check_texts
from xy_core.modules.llm.opening import Opener
from xy_core.modules.llm.places import OnDevice, Place
from xy_core.modules.llm.types import (
    Completion,
    Delta,
    Embeddings,
    Message,
    Request,
    Sampling,
    Tool,
    ToolChoice,
)

_MOST_TEXTS = 2_048
"""Texts of one call of `LLMService.embed`."""


class LLMService(Module[LLMConfig]):
    """Language models by language or by name; each serves several requests at a time.

        async with llm.generate(messages, language="en") as stream:     # piece by piece
            async for delta in stream:                                  # the last has the usage
                print(delta.text)
        reply = await llm.complete(messages, schema={"type": "object", …})      # JSON
        reply = await llm.complete(messages, tools=[Tool(…)])           # reply.tool_calls
        vectors = await llm.embed(["a text", "another"])                # shape (2, width)
        tokens = await llm.count_tokens(messages)

    Wrong input raises `InputError` or `ContextExceeded`, an engine that fails `BackendError`, a
    server `RemoteError`. Leaving the block, or cancelling the call, stops the model at its next
    token.
    """

    name: ClassVar[str] = "llm"
    config_model = LLMConfig

    def __init__(self, context: ModuleContext, config: LLMConfig) -> None:
        super().__init__(context, config)
        self._places: dict[str, Place] = {}

    async def initialize(self) -> None:
        """Make all configured models known, and load those for which there is room."""
        opener = Opener(self.context.resource(ModelStore), self.context.scheduler, self.config)
        for entry in self.config.models:
            self._places[entry.id] = opener.place(entry)
        for place in self._places.values():
            await place.open()

    def generate(
        self,
        messages: Sequence[Message],
        *,
        language: str = "en",
        model: str | None = None,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        schema: Mapping[str, Any] | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
        key: str | None = None,
    ) -> TaskStream[Delta]:
        """Begin to write a reply; closing the stream stops the model.

        Args:
            messages: the conversation; the last message is the one to answer or, if it is the
                assistant's, the beginning of the reply, from which it goes on.
            language: of the reply (ISO 639-1); chooses the model if none is named.
            model: the id of one in the settings.
            sampling: how tokens are chosen, how many, and where to stop.
            tools: what the model may ask for.
            tool_choice: ``auto``, ``none``, ``required``, or the name of a tool.
            schema: JSON schema of the reply; not together with tools.
            priority: how urgent it is.
            key: requests of one key (a conversation) share a fair place in the queue, and the
                prompt that the engine remembers.

        Raises:
            InputError: there is no message, or the request cannot be used.
            QueueFull: too many requests wait.
        """
        entry = self._choose(language, model)
        request = Request(
            tuple(messages), sampling, tuple(tools), tool_choice, schema, conversation=key or ""
        )
        check_request(request)
        options = TaskOptions(name="llm.generate", priority=priority, key=key, note=entry.id)
        return self._places[entry.id].stream(request, options)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        language: str = "en",
        model: str | None = None,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        schema: Mapping[str, Any] | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
        key: str | None = None,
        preemptible: bool = False,
    ) -> Completion:
        """Write a whole reply; takes what `generate` takes, and raises what it raises.

        If it is `preemptible`, urgent work may stop it, and it begins anew later.
        """
        entry = self._choose(language, model)
        request = Request(
            tuple(messages), sampling, tuple(tools), tool_choice, schema, conversation=key or ""
        )
        check_request(request)
        options = TaskOptions(
            name="llm.complete", priority=priority, key=key, note=entry.id, preemptible=preemptible
        )
        return await self._places[entry.id].complete(request, options)

    async def count_tokens(
        self,
        messages: Sequence[Message],
        *,
        language: str = "en",
        model: str | None = None,
        tools: Sequence[Tool] = (),
        priority: TaskPriority = TaskPriority.HIGH,
    ) -> int:
        """Return how many tokens the prompt of messages and tools has.

        By the engine's own tokenizer; a server's is not known, and guessed rather too high.

        Raises:
            InputError: there is no message, or the request cannot be used.
        """
        entry = self._choose(language, model)
        request = Request(tuple(messages), tools=tuple(tools))
        check_request(request)
        options = TaskOptions(name="llm.count", priority=priority, note=entry.id)
        return await self._places[entry.id].count(request, options)

    async def embed(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> Embeddings:
        """Return a vector a text, float32 of shape ``(texts, width)``, each of length 1.

        Args:
            texts: at least one, none of them empty.
            model: the id of one in the settings; the first that is there to embed if not given.
            priority: how urgent it is.

        Raises:
            InputError: no model embeds, or a text is empty or too long.
        """
        if not 0 < len(texts) <= _MOST_TEXTS or not all(texts):
            raise InputError(f"give 1 to {_MOST_TEXTS:,} texts to embed, and no empty one")
        check_texts(texts)
        chosen = self.embedder if model is None else model
        if chosen is None:
            raise InputError("no model makes vectors: add one with task='embed' to llm.models")
        entry = self._named(chosen)
        options = TaskOptions(name="llm.embed", priority=priority, note=entry.id)
        return await self._places[entry.id].embed(texts, options)

    @property
    def embedder(self) -> str | None:
        """The id of the model that `embed` uses by itself; None if there is none."""
        return next((entry.id for entry in self.config.models if entry.task == "embed"), None)

    def follows(self, language: str) -> bool:
        """Whether the model of a language was taught to do what it is told."""
        return self._choose(language, None).prompt == "chat"

    async def stop(self) -> None:
        """Free the models."""
        places, self._places = self._places, {}
        async with asyncio.TaskGroup() as group:
            for place in places.values():
                group.create_task(place.close())

    async def health(self) -> ModuleHealth:
        """Name the models, and those whose process has died."""
        if not self._places:
            return ModuleHealth(HealthStatus.STOPPED)
        places = self._places.values()
        ill = ill_hosts([place.model for place in places if isinstance(place, OnDevice)])
        status = HealthStatus.DEGRADED if ill else HealthStatus.READY
        return ModuleHealth(status, ill, {"models": ", ".join(self._places)})

    def _choose(self, language: str, model: str | None) -> LanguageModelConfig:
        if model is not None:
            return self._named(model)
        writers = [entry for entry in self.config.models if entry.task == "chat"]
        if not writers:
            raise InputError("no model writes: add one with task='chat' to llm.models")
        return next((entry for entry in writers if language in entry.languages), writers[0])

    def _named(self, model: str) -> LanguageModelConfig:
        for entry in self.config.models:
            if entry.id == model:
                return entry
        known = ", ".join(entry.id for entry in self.config.models)
        raise InputError(f"no language model {model[:100]!r} is loaded, but: {known}")
