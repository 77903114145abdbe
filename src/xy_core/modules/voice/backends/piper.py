"""Piper: small, fast voices, one language each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xy_core.core.errors import BackendError
from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.prosody import engine_speed, shape
from xy_core.modules.voice.types import Audio, VoiceStyle


class PiperSynthesizer:
    """A Piper voice; an ``.onnx`` file beside its ``.onnx.json``."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = threads
        self._voice: Any = None

    def load(self) -> None:
        """See `Engine`."""
        if self._voice is not None:
            return
        piper = library("piper", "piper-tts")
        runtime = library("onnxruntime")
        # Piper's own `load` takes no options, and its model would compute on every core.
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        try:
            described = json.loads(Path(f"{self._path}.json").read_text("utf-8"))
            session = runtime.InferenceSession(
                str(self._path), options, providers=["CPUExecutionProvider"]
            )
            self._voice = piper.PiperVoice(session, piper.PiperConfig.from_dict(described))
        except Exception as error:  # onnxruntime's errors share no base but this
            raise BackendError(f"Piper cannot load {self._path}: {error}") from error

    def close(self) -> None:
        """See `Engine`."""
        self._voice = None

    def synthesize(self, text: str, language: str, style: VoiceStyle) -> Iterator[Audio]:  # noqa: ARG002 - the voice has one language
        """See `Synthesizer`."""
        if self._voice is None:
            raise BackendError("the English voice is not loaded")
        piper = library("piper", "piper-tts")
        speed = engine_speed(style)
        stretch = self._voice.config.length_scale / speed
        options = piper.SynthesisConfig(length_scale=stretch)
        for chunk in self._voice.synthesize(text, options):
            yield shape(chunk.audio_float_array, chunk.sample_rate, style)
