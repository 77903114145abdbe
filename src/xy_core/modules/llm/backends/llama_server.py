"""llama.cpp's server engine inside this process: OpenAI's form in and out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from xy_core.core.errors import BackendError, ContextExceeded, MissingExtraError
from xy_core.modules.llm.backends.llama_stream import Handler, failure_of, run
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.types import Delta

_SILENT = -1
"""llama.cpp's verbosity below which it prints nothing of its own."""
_MEAN = 1
"""llama.cpp's ``LLAMA_POOLING_TYPE_MEAN``, for models whose file names no pooling."""
_TOO_LONG = "too large to process"
"""How llama.cpp tells of a text that does not fit into one batch; it has no type for that."""
_PATIENCE = 30.0
"""Seconds for a question that needs no computing: the tokens of a prompt."""


class LlamaServer:
    """One loaded GGUF model; its methods may be called from several threads at once.

    Attributes:
        knows_tools: whether the model's own template tells of tools.
    """

    def __init__(self, path: Path, model: LanguageModelConfig, config: LLMConfig) -> None:
        self._path = path
        self._model = model
        self._config = config
        self._server: Any = None
        self._client: httpx.Client | None = None
        self.knows_tools = False

    def load(self, gpu_layers: int) -> None:
        """See `LanguageModel`."""
        if self._server is not None:
            return
        # The engine listens on a local port of its own accord; a key that nobody knows closes it.
        key = secrets.token_hex(32)
        self._server = _load(self._path, self._model, self._config, gpu_layers, key)
        self._client = httpx.Client(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_PATIENCE,
            trust_env=False,  # no proxy stands between a process and itself
        )
        properties = self._ask("GET", "/props")
        self.knows_tools = bool(properties.get("chat_template_caps", {}).get("supports_tools"))

    def close(self) -> None:
        """See `LanguageModel`."""
        client, self._client, self._server = self._client, None, None
        if client is not None:
            client.close()

    def chat(self, body: dict[str, Any], emit: Callable[[Delta], None]) -> None:
        """Write a reply to messages."""
        self._run(self._loaded().handle_chat_completions, body, emit)

    def complete(self, body: dict[str, Any], emit: Callable[[Delta], None]) -> None:
        """Go on with a text."""
        self._run(self._loaded().handle_completions, body, emit)

    def embed(self, text: str) -> list[float]:
        """Return the vector of a text, as long as the model makes it.

        Texts that come together in one request get wrong vectors of some models: with SmolLM2 and
        several slots, one had a cosine of 0.67 to what it is alone.
        """
        answer = self._loaded().handle_embeddings({"input": text})
        failure = failure_of(answer.get("error"))
        if failure is not None and _TOO_LONG in str(failure):
            raise ContextExceeded from failure
        if failure is not None:
            raise failure
        vector: list[float] = answer["data"][0]["embedding"]
        return vector

    def count(self, body: dict[str, Any]) -> int:
        """Return how many tokens the prompt of messages and tools has."""
        answer = self._ask("POST", "/v1/chat/completions/input_tokens", body)
        return int(answer["input_tokens"])

    def count_text(self, text: str) -> int:
        """Return how many tokens a text has."""
        answer = self._ask("POST", "/tokenize", {"content": text, "add_special": True})
        return len(answer["tokens"])

    def _run(self, handle: Handler, body: dict[str, Any], emit: Callable[[Delta], None]) -> None:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        run(handle, body | options, emit)

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

    def _loaded(self) -> Any:  # noqa: ANN401 - the library has no types
        if self._server is None:
            raise BackendError(f"{self._path.name} is not loaded")
        return self._server


def _load(
    path: Path, model: LanguageModelConfig, config: LLMConfig, gpu_layers: int, key: str
) -> Any:  # noqa: ANN401 - the library has no types
    try:
        import xllamacpp  # noqa: PLC0415 - heavy: only when a model is loaded
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "llm") from error
    for file in (path, *(adapter.path for adapter in model.adapters)):
        _check_magic(file)
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
    params.endpoint_slots = False
    params.cache_ram_mib = config.prompt_cache // 2**20
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(str(one.path), one.scale) for one in model.adapters
    ]
    if model.task == "embed":
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type(_MEAN)
        params.n_ubatch = params.n_batch  # a text is pooled in one batch or not at all
    params.api_keys = [key]
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
