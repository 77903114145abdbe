"""Qwen2-VL and its kin in llama.cpp: a GGUF model and its projector (``mmproj``)."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from xy_core.core.errors import BackendError
from xy_core.core.model import Variant
from xy_core.models.llama_engine import EngineSetup, LlamaEngine
from xy_core.models.plan import LlamaVariant
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.questions import VisionQuestion


class LlamaCppVision:
    """See `VisionModel`; a schema becomes a grammar, which the answer cannot leave."""

    def __init__(self, folder: Path, config: VisionConfig) -> None:
        self._folder = folder
        self._config = config
        self._engine: LlamaEngine | None = None

    def load(self, device: str, variant: Variant) -> None:  # noqa: ARG002 - llama.cpp knows its device
        """See `VisionModel`."""
        if self._engine is None:
            layers = variant.n_gpu_layers if isinstance(variant, LlamaVariant) else 0
            self._engine = LlamaEngine(_setup(self._folder, self._config, layers))

    def answer(self, emit: Callable[[str], None], question: VisionQuestion) -> None:
        """See `VisionModel`."""
        if self._engine is None:
            raise BackendError(f"{self._folder.name} is not loaded")
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": _data_url(picture)}}
            for picture in question.pictures
        ]
        parts.append({"type": "text", "text": question.text})
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": parts}],
            "max_tokens": self._config.max_tokens,
            "temperature": self._config.temperature,
            "seed": self._config.seed,
        }
        if question.schema:
            schema = json.loads(question.schema)
            body["response_format"] = {"type": "json_object", "schema": schema}

        def read(chunk: Mapping[str, Any]) -> None:
            if text := _text_of(chunk):
                emit(text)

        self._engine.chat(body, read)

    def close(self) -> None:
        """See `VisionModel`."""
        self._engine = None


def _setup(folder: Path, config: VisionConfig, gpu_layers: int) -> EngineSetup:
    files = sorted(folder.glob("*.gguf"))
    projectors = [file for file in files if file.name.startswith("mmproj")]
    models = [file for file in files if file not in projectors]
    if not models or not projectors:
        raise BackendError(f"{folder} needs a model and its projector (mmproj-….gguf)")
    return EngineSetup(
        models[0],
        config.threads,
        config.context_tokens,
        gpu_layers=gpu_layers,
        projector=projectors[0],
    )


def _data_url(picture: Picture) -> str:
    content = io.BytesIO()
    Image.fromarray(picture.pixels).save(content, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _text_of(chunk: Mapping[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    text: str | None = choices[0].get("delta", {}).get("content")
    return text or ""
