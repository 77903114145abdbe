"""A language model on llama.cpp's engine: what it writes, as deltas; what it counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from xy_core.core.errors import BackendError
from xy_core.models.llama_engine import EngineSetup, LlamaEngine, Read, failure_of
from xy_core.modules.llm.backends.chunks import ChunkReader
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.types import Delta

Emit = Callable[[Delta], None]
_PATIENCE = 30.0
"""Seconds for a question that needs no computing: the tokens of a prompt."""


class LlamaServer:
    """One loaded GGUF model; its methods may be called from several threads at once.

    Attributes:
        knows_tools: whether the model's own template tells of tools.
    """

    def __init__(self, path: Path, model: LanguageModelConfig, config: LLMConfig) -> None:
        self._path = path
        self._setup = partial(
            EngineSetup,
            path,
            config.threads,
            config.context_tokens,
            config.slots,
            adapters=tuple((one.path, one.scale) for one in model.adapters),
            embeds=model.task == "embed",
            prompt_cache=config.prompt_cache,
        )
        self._engine: LlamaEngine | None = None
        self._client: httpx.Client | None = None
        self.knows_tools = False

    def load(self, gpu_layers: int) -> None:
        """See `LanguageModel`."""
        if self._engine is not None:
            return
        engine = LlamaEngine(self._setup(gpu_layers=gpu_layers))
        self._client = httpx.Client(
            base_url=engine.address,
            headers={"Authorization": f"Bearer {engine.key}"},
            timeout=_PATIENCE,
            trust_env=False,  # no proxy stands between a process and itself
        )
        self._engine = engine
        properties = self._ask("GET", "/props")
        self.knows_tools = bool(properties.get("chat_template_caps", {}).get("supports_tools"))

    def close(self) -> None:
        """See `LanguageModel`."""
        client, self._client, self._engine = self._client, None, None
        if client is not None:
            client.close()

    def chat(self, body: dict[str, Any], emit: Emit) -> None:
        """Write a reply to messages."""
        _read(partial(self._loaded().chat, body), emit)

    def complete(self, body: dict[str, Any], emit: Emit) -> None:
        """Go on with a text."""
        _read(partial(self._loaded().complete, body), emit)

    def embed(self, text: str) -> list[float]:
        """Return the vector of a text, as long as the model makes it."""
        return self._loaded().embed(text)

    def count(self, body: dict[str, Any]) -> int:
        """Return how many tokens the prompt of messages and tools has."""
        answer = self._ask("POST", "/v1/chat/completions/input_tokens", body)
        return int(answer["input_tokens"])

    def count_text(self, text: str) -> int:
        """Return how many tokens a text has."""
        answer = self._ask("POST", "/tokenize", {"content": text, "add_special": True})
        return len(answer["tokens"])

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        self._loaded()
        if self._client is None:
            raise BackendError(f"{self._path.name} is not loaded")
        try:
            response = self._client.request(method, path, json=body)
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise BackendError(f"llama.cpp does not answer {path}: {error!r}") from error
        if failure := failure_of(answer.get("error")):
            raise failure
        return answer

    def _loaded(self) -> LlamaEngine:
        if self._engine is None:
            raise BackendError(f"{self._path.name} is not loaded")
        return self._engine


def _read(run: Callable[[Read], None], emit: Emit) -> None:
    """Run a request and hand its pieces on; the last tells how it ended."""
    reader = ChunkReader()
    # An empty piece is handed over as well: it is a chance to see a cancellation.
    run(lambda chunk: emit(Delta(reader.read(chunk))))
    emit(reader.last())
