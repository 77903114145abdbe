"""llama.cpp in this process, through xllamacpp: GGUF files, several requests at a time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.few_shot import few_shot_prompt
from xy_core.modules.llm.grammars import ONE_LINE
from xy_core.modules.llm.types import Delta, Message

_SILENT = -1
"""llama.cpp's verbosity below which it prints nothing of its own."""


class LlamaCppChat:
    """A model that was taught to chat: its own template makes the prompt."""

    def __init__(self, path: Path, model: LanguageModelConfig, config: LLMConfig) -> None:
        self._path = path
        self._model = model
        self._config = config
        self._server: Any = None

    def load(self, gpu_layers: int = 0) -> None:
        """See `LanguageModel`."""
        if self._server is None:
            self._server = _load(self._path, self._config, gpu_layers)

    def generate(self, emit: Callable[[Delta], None], messages: Sequence[Message]) -> None:
        """See `LanguageModel`; the oldest messages are left out if the context is too small."""
        kept = list(messages)
        while not self._try(emit, kept):
            kept = _without_oldest(kept)

    def _try(self, emit: Callable[[Delta], None], messages: Sequence[Message]) -> bool:
        said = [{"role": message.role, "content": message.content} for message in messages]
        body = {"messages": said, **self._sampling()}
        if self._model.grammar:
            body["grammar"] = self._model.grammar
        return _stream(self._loaded().handle_chat_completions, body, emit)

    def close(self) -> None:
        """See `LanguageModel`."""
        self._server = None

    def _sampling(self) -> dict[str, Any]:
        return {
            "stream": True,
            "max_tokens": self._config.max_tokens,
            "temperature": self._config.temperature,
            "repeat_penalty": self._model.repeat_penalty,
            "seed": self._config.seed,
        }

    def _loaded(self) -> Any:  # noqa: ANN401 - the library has no types
        if self._server is None:
            raise BackendError(f"{self._path.name} is not loaded")
        return self._server


class LlamaCppFewShot(LlamaCppChat):
    """A base model: it continues a dialogue of examples (see `few_shot_prompt`)."""

    def _try(self, emit: Callable[[Delta], None], messages: Sequence[Message]) -> bool:
        body = {
            "prompt": few_shot_prompt(messages),
            "stop": ["\n"],
            "grammar": ONE_LINE,
            **self._sampling(),
        }
        return _stream(self._loaded().handle_completions, body, emit)


def _load(path: Path, config: LLMConfig, gpu_layers: int) -> Any:  # noqa: ANN401 - the library has no types
    try:
        import xllamacpp  # noqa: PLC0415 - heavy: only when a model is loaded
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "llm") from error
    _check_magic(path)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = config.slots
    params.n_ctx = config.context_tokens * config.slots
    params.cpuparams.n_threads = config.threads
    params.cpuparams_batch.n_threads = config.threads
    params.n_gpu_layers = gpu_layers
    params.verbosity = _SILENT
    params.warmup = False
    params.ui = False
    # The engine listens on a local port of its own accord; a key that nobody knows closes it.
    params.api_keys = [secrets.token_hex(32)]
    try:
        return xllamacpp.Server(params)
    except Exception as error:
        raise BackendError(f"llama.cpp cannot load {path}: {error}") from error


def _check_magic(path: Path) -> None:
    """Refuse what is not GGUF before native code reads it."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise BackendError(f"cannot read the model {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise BackendError(f"{path} is not a GGUF model: run  xy-core models verify")


def _stream(
    handle: Callable[[Any, Callable[[Any], bool]], Any],
    body: dict[str, Any],
    emit: Callable[[Delta], None],
) -> bool:
    """Run one request; returns False if the conversation is too long for the context."""
    failure: BaseException | None = None
    refusal: dict[str, Any] = {}

    def take(chunk: Any) -> bool:  # noqa: ANN401 - a dictionary, or JSON of one
        """Return True to stop the engine; it cannot carry our exceptions through itself."""
        nonlocal failure
        data = json.loads(chunk) if isinstance(chunk, str | bytes) else chunk
        if "error" in data:
            refusal.update(data["error"])
            return True
        try:
            emit(_delta(data))
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = error
            return True
        return False

    answer = handle(body, take)
    if failure is not None:
        raise failure
    if isinstance(answer, dict):
        refusal.update(answer.get("error") or {})
    if refusal.get("type") == "exceed_context_size_error":
        return False
    if refusal:
        raise BackendError(f"llama.cpp: {refusal.get('message', refusal)}")
    return True


def _delta(chunk: dict[str, Any]) -> Delta:
    choices = chunk.get("choices") or [{}]
    choice = choices[0]
    text = choice.get("text") or choice.get("delta", {}).get("content") or ""
    return Delta(text, choice.get("finish_reason"))


def _without_oldest(messages: list[Message]) -> list[Message]:
    """Leave out the oldest message that is neither the system's nor the last one."""
    for index, message in enumerate(messages[:-1]):
        if message.role != "system":
            return messages[:index] + messages[index + 1 :]
    raise BackendError(
        "the input is too long for the model's context: shorten it, or raise llm.context_tokens"
    )
