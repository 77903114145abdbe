"""llama.cpp in this process, through xllamacpp: GGUF files, several requests at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import ContextExceeded, InputError
from xy_core.modules.llm.backends.llama_server import LlamaServer
from xy_core.modules.llm.backends.slots import SlotTable
from xy_core.modules.llm.backends.vectors import of_unit_length
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.few_shot import few_shot_prompt
from xy_core.modules.llm.grammars import ONE_LINE
from xy_core.modules.llm.sampling import filled
from xy_core.modules.llm.tool_calls import (
    ToolReader,
    as_words,
    call_schema,
    message_json,
    must_call,
    tools_json,
)
from xy_core.modules.llm.types import Delta, Embeddings, Request
from xy_core.modules.llm.window import without_oldest_turn

Emit = Callable[[Delta], None]


class LlamaCppChat:
    """A model that was taught to chat: its own template makes the prompt.

    A template that knows no tools is told of them in words (see `tool_calls`).
    """

    def __init__(self, path: Path, model: LanguageModelConfig, config: LLMConfig) -> None:
        self._path = path
        self._model = model
        self._config = config
        self._server = LlamaServer(path, model, config)
        self._slots = SlotTable(config.slots)

    def load(self, gpu_layers: int = 0) -> None:
        """See `LanguageModel`."""
        self._server.load(gpu_layers)

    def generate(self, emit: Emit, request: Request) -> None:
        """See `LanguageModel`."""
        with self._slots.lent(request.conversation) as slot:
            while True:
                try:
                    return self._write(emit, request, slot)
                except ContextExceeded:
                    # Nothing was written yet: the engine measures a prompt before it begins.
                    request = request.with_messages(without_oldest_turn(request.messages))

    def count(self, request: Request) -> int:
        """See `LanguageModel`."""
        if self._model.task == "embed":  # it reads texts, no conversation
            return sum(self._server.count_text(message.content) for message in request.messages)
        return self._server.count(self._prompt(request))

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """See `LanguageModel`."""
        if self._model.task != "embed":
            raise InputError(
                f"{self._model.id} writes: vectors need an entry of llm.models with task='embed'"
            )
        vectors = []
        for text in texts:
            checkpoint()
            vectors.append(self._server.embed(text))
        return of_unit_length(vectors)

    def close(self) -> None:
        """See `LanguageModel`."""
        self._server.close()

    def _write(self, emit: Emit, request: Request, slot: int) -> None:
        body = self._prompt(request) | self._sampling(request) | {"id_slot": slot}
        if not request.tools or self._natively(request):
            self._server.chat(body, emit)
            return
        reader = ToolReader(request)
        self._server.chat(body, lambda delta: emit(reader.read(delta)))

    def _natively(self, request: Request) -> bool:
        """Whether the template tells of the tools and llama.cpp finds the calls.

        A call that must be made is bound by a schema instead: llama.cpp takes `required` as advice
        where it cannot tell a template's form of calls.
        """
        return self._server.knows_tools and not must_call(request)

    def _prompt(self, request: Request) -> dict[str, Any]:
        if self._natively(request):
            return {"messages": list(map(message_json, request.messages)), **tools_json(request)}
        return {"messages": list(map(message_json, as_words(request)))}

    def _sampling(self, request: Request) -> dict[str, Any]:
        sampling = filled(request.sampling, self._model, self._config)
        names = (name for name in sampling.__slots__ if getattr(sampling, name) is not None)
        body = {name: getattr(sampling, name) for name in names}
        return body | {"stop": list(sampling.stop)} | self._bounds(request)

    def _bounds(self, request: Request) -> dict[str, Any]:
        """What the reply must look like; a request's own wish goes before the model's grammar."""
        if request.schema is not None:
            return {"json_schema": dict(request.schema)}
        if must_call(request):
            return {"json_schema": call_schema(request)}
        if self._model.grammar and not request.tools:
            return {"grammar": self._model.grammar}
        return {}


class LlamaCppFewShot(LlamaCppChat):
    """A base model: it continues a dialogue of examples (see `few_shot_prompt`)."""

    def count(self, request: Request) -> int:
        """See `LanguageModel`."""
        return self._server.count_text(few_shot_prompt(request.messages))

    def _write(self, emit: Emit, request: Request, slot: int) -> None:
        if request.tools or request.schema is not None:
            raise InputError(
                f"{self._model.id} is a base model, for talk only: tools and schemas need an "
                "entry of llm.models with prompt='chat'"
            )
        body = self._sampling(request)
        body["stop"] = ["\n", *body["stop"]]
        body |= {"prompt": few_shot_prompt(request.messages), "grammar": ONE_LINE, "id_slot": slot}
        self._server.complete(body, emit)
