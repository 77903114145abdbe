"""Qwen2-VL and its kin in llama.cpp: a GGUF model and its projector (``mmproj``)."""

from __future__ import annotations

import base64
import io
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.core.model import Variant
from xy_core.models.plan import LlamaVariant
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.questions import VisionQuestion

_SILENT = -1
"""llama.cpp's verbosity below which it prints nothing of its own."""


class LlamaCppVision:
    """See `VisionModel`; a schema becomes a grammar, which the answer cannot leave."""

    def __init__(self, folder: Path, config: VisionConfig) -> None:
        self._folder = folder
        self._config = config
        self._server: Any = None

    def load(self, device: str, variant: Variant) -> None:  # noqa: ARG002 - llama.cpp knows its device
        """See `VisionModel`."""
        if self._server is None:
            layers = variant.n_gpu_layers if isinstance(variant, LlamaVariant) else 0
            self._server = _open(self._folder, self._config, layers)

    def answer(self, emit: Callable[[str], None], question: VisionQuestion) -> None:
        """See `VisionModel`."""
        if self._server is None:
            raise BackendError(f"{self._folder.name} is not loaded")
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": _data_url(picture)}}
            for picture in question.pictures
        ]
        parts.append({"type": "text", "text": question.text})
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": parts}],
            "stream": True,
            "max_tokens": self._config.max_tokens,
            "temperature": self._config.temperature,
            "seed": self._config.seed,
        }
        if question.schema:
            schema = json.loads(question.schema)
            body["response_format"] = {"type": "json_object", "schema": schema}
        _stream(self._server, body, emit)

    def close(self) -> None:
        """See `VisionModel`."""
        self._server = None


def _open(folder: Path, config: VisionConfig, gpu_layers: int) -> Any:  # noqa: ANN401 - the library has no types
    try:
        import xllamacpp  # noqa: PLC0415 - heavy: only when a model is loaded
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "llm") from error
    files = sorted(folder.glob("*.gguf"))
    projectors = [file for file in files if file.name.startswith("mmproj")]
    models = [file for file in files if file not in projectors]
    if not models or not projectors:
        raise BackendError(f"{folder} needs a model and its projector (mmproj-….gguf)")
    for file in files:
        _check_magic(file)
    params = xllamacpp.CommonParams()
    params.model.path = str(models[0])
    params.mmproj.path = str(projectors[0])
    params.mmproj_use_gpu = gpu_layers > 0
    params.n_parallel = 1
    params.n_ctx = config.context_tokens
    params.cpuparams.n_threads = config.threads
    params.cpuparams_batch.n_threads = config.threads
    params.n_gpu_layers = gpu_layers
    params.verbosity = _SILENT
    params.warmup = False
    params.ui = False
    # The engine listens on a local port of its own accord; a key that nobody knows closes it.
    params.api_keys = [secrets.token_hex(32)]
    try:
        server = xllamacpp.Server(params)
        # A server that is dropped before its loop has begun never ends. An answer shows it has.
        server.handle_completions({"prompt": "\n", "max_tokens": 1})
    except Exception as error:
        raise BackendError(f"llama.cpp cannot load {folder}: {error}") from error
    return server


def _check_magic(path: Path) -> None:
    """Refuse what is not GGUF before native code reads it."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise BackendError(f"{path} is not a GGUF model: run  xy-core models verify")


def _data_url(picture: Picture) -> str:
    content = io.BytesIO()
    Image.fromarray(picture.pixels).save(content, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _stream(server: Any, body: dict[str, Any], emit: Callable[[str], None]) -> None:  # noqa: ANN401 - the library has no types
    failure: BaseException | None = None
    refusal: dict[str, Any] = {}

    def take(chunk: Any) -> bool:  # noqa: ANN401 - a dictionary, or JSON of one
        """Return True to stop the engine; it cannot carry our exceptions through itself."""
        nonlocal failure
        data = json.loads(chunk) if isinstance(chunk, str | bytes) else chunk
        if "error" in data:
            refusal.update(data["error"])
            return True
        choices = data.get("choices") or [{}]
        text = choices[0].get("delta", {}).get("content")
        try:
            if text:
                emit(text)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = error
            return True
        return False

    answer = server.handle_chat_completions(body, take)
    if failure is not None:
        raise failure
    if isinstance(answer, dict):
        refusal.update(answer.get("error") or {})
    if refusal:
        raise BackendError(f"llama.cpp: {refusal.get('message', refusal)}")
