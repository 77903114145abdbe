"""llama.cpp's server engine inside this process, for every module that runs GGUF models."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xy_core.core.errors import BackendError, ContextExceeded, InputError, MissingExtraError

Handler = Callable[[Any, Callable[[Any], bool]], Any]
Read = Callable[[dict[str, Any]], None]
"""Takes one piece of a reply in OpenAI's form."""

_SILENT = -1
"""llama.cpp's verbosity below which it prints nothing of its own."""
_MEAN = 1
"""llama.cpp's ``LLAMA_POOLING_TYPE_MEAN``, for models whose file names no pooling."""
_TOO_LONG = "too large to process"
"""How llama.cpp tells of a text that does not fit into one batch; it has no type for that."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """What the engine shall load, and how.

    Attributes:
        model: a GGUF file.
        threads: of the processor.
        context_tokens: for each slot.
        slots: requests that run at a time.
        gpu_layers: layers that lie on the device.
        projector: what makes pictures into tokens (``mmproj``), if the model sees.
        adapters: LoRA files, each with its scale.
        embeds: whether it makes vectors instead of text.
        prompt_cache: bytes of RAM for prompts that were seen before; None: as llama.cpp likes.
    """

    model: Path
    threads: int
    context_tokens: int
    slots: int = 1
    gpu_layers: int = 0
    projector: Path | None = None
    adapters: Sequence[tuple[Path, float]] = ()
    embeds: bool = False
    prompt_cache: int | None = None


class LlamaEngine:
    """One loaded model; takes and gives OpenAI's form. Several threads may call it at once.

    The engine listens on a local port of its own accord: `address`, which only `key` opens.

    Raises:
        BackendError: a file is missing, is no GGUF, or cannot be loaded.
        MissingExtraError: xllamacpp is not installed.
    """

    def __init__(self, setup: EngineSetup) -> None:
        self.key = secrets.token_hex(32)
        self._server: Any = _start(setup, self.key)
        self.address: str = self._server.listening_address

    def chat(self, body: dict[str, Any], read: Read) -> None:
        """Write a reply to messages; see `stream`."""
        stream(self._server.handle_chat_completions, body, read)

    def complete(self, body: dict[str, Any], read: Read) -> None:
        """Go on with a text; see `stream`."""
        stream(self._server.handle_completions, body, read)

    def embed(self, text: str) -> list[float]:
        """Return the vector of a text, as long as the model makes it.

        Texts that come together in one request get wrong vectors of some models: with SmolLM2 and
        several slots, one had a cosine of 0.67 to what it is alone.

        Raises:
            ContextExceeded: the text does not fit into one batch.
            InputError: the engine refuses the text.
            BackendError: the engine fails.
        """
        answer = self._server.handle_embeddings({"input": text})
        failure = failure_of(answer.get("error"))
        if failure is not None and _TOO_LONG in str(failure):
            raise ContextExceeded from failure
        if failure is not None:
            raise failure
        vector: list[float] = answer["data"][0]["embedding"]
        return vector


def stream(handle: Handler, body: dict[str, Any], read: Read) -> None:
    """Run a request; its pieces go to `read`, whose error ends it at the next token.

    Raises:
        InputError: the engine refuses the request.
        ContextExceeded: the prompt is too long.
        BackendError: the engine fails.
    """
    failure: BaseException | None = None

    def take(chunk: Any) -> bool:  # noqa: ANN401 - a dictionary, or JSON of one
        """Return True to stop the engine; it cannot carry our exceptions through itself."""
        nonlocal failure
        data = json.loads(chunk) if isinstance(chunk, str | bytes) else chunk
        failure = failure_of(data.get("error"))
        try:
            if failure is None:
                read(data)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = error
        return failure is not None

    try:
        answer = handle(body | {"stream": True, "stream_options": {"include_usage": True}}, take)
    except (ValueError, RuntimeError) as error:
        # So xllamacpp tells of a body that it cannot read.
        raise InputError(f"llama.cpp refuses the request: {error}") from error
    if failure is None and isinstance(answer, dict):
        failure = failure_of(answer.get("error"))
    if failure is not None:
        raise failure


def failure_of(error: dict[str, Any] | None) -> BackendError | InputError | None:
    """Return what an answer's error means; None if there is none."""
    if not error:
        return None
    message = error.get("message", error)
    kind = error.get("type")
    if kind == "exceed_context_size_error":
        return ContextExceeded()
    if kind == "invalid_request_error":
        return InputError(f"llama.cpp refuses the request: {message}")
    return BackendError(f"llama.cpp: {message}")


def _start(setup: EngineSetup, key: str) -> Any:  # noqa: ANN401 - the library has no types
    try:
        import xllamacpp  # noqa: PLC0415 - heavy: only when a model is loaded
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "llm") from error
    for file in (setup.model, setup.projector, *(path for path, _ in setup.adapters)):
        if file is not None:
            _check_magic(file)
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, setup, key))
        _await_loop(server, embeds=setup.embeds)
    except Exception as error:
        raise BackendError(f"llama.cpp cannot load {setup.model}: {error}") from error
    return server


def _check_magic(path: Path) -> None:
    """Refuse what is not GGUF before native code reads it."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise BackendError(f"cannot read the model {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise BackendError(f"{path} is not a GGUF model: run  xy-core models verify")


def _parameters(xllamacpp: Any, setup: EngineSetup, key: str) -> Any:  # noqa: ANN401 - as above
    params = xllamacpp.CommonParams()
    params.model.path = str(setup.model)
    params.n_parallel = setup.slots
    params.n_ctx = setup.context_tokens * setup.slots
    params.cpuparams.n_threads = setup.threads
    params.cpuparams_batch.n_threads = setup.threads
    params.n_gpu_layers = setup.gpu_layers
    params.verbosity = _SILENT
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    params.api_keys = [key]
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(str(path), scale) for path, scale in setup.adapters
    ]
    if setup.prompt_cache is not None:
        params.cache_ram_mib = setup.prompt_cache // 2**20
    if setup.projector is not None:
        params.mmproj.path = str(setup.projector)
        params.mmproj_use_gpu = setup.gpu_layers > 0
    if setup.embeds:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type(_MEAN)
        params.n_ubatch = params.n_batch  # a text is pooled in one batch or not at all
    return params


def _await_loop(server: Any, *, embeds: bool) -> None:  # noqa: ANN401 - as above
    """Return once the engine's loop runs, as the answer to a request shows.

    A server that is dropped before its loop has begun waits for its end for ever: its destructor
    tells the loop to stop, and the loop forgets that when it begins.
    """
    if embeds:
        server.handle_embeddings({"input": ["\n"]})
    else:
        server.handle_completions({"prompt": "\n", "max_tokens": 1})
