"""sherpa-onnx's models for whole recordings: SenseVoice, Paraformer, transducers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import BackendError
from xy_core.modules.voice.backends.growing_window import GrowingWindow
from xy_core.modules.voice.backends.sherpa_models import make_recogniser
from xy_core.modules.voice.backends.sherpa_result import transcript_of
from xy_core.modules.voice.config import TranscriberConfig
from xy_core.modules.voice.transcript import LiveTranscript, Transcript
from xy_core.modules.voice.types import Audio


class SherpaTranscriber:
    """A `Transcriber`; the language is the model's to find, whichever is asked for."""

    def __init__(self, folder: Path, config: TranscriberConfig, threads: int) -> None:
        self._folder = folder
        self._config = config
        self._threads = threads
        self._recogniser: Any = None
        self._live = GrowingWindow(self.transcribe)

    def load(self) -> None:
        """See `Engine`."""
        if self._recogniser is None:
            self._recogniser = make_recogniser(self._folder, self._config.kind, self._threads)

    def close(self) -> None:
        """See `Engine`."""
        self._live.clear()
        self._recogniser = None

    def transcribe(self, audio: Audio, language: str | None = None) -> Transcript:
        """See `Transcriber`."""
        recogniser = self._loaded()
        checkpoint()  # once it decodes, sherpa-onnx cannot be stopped
        if len(audio.samples) < _LEAST_SECONDS * audio.rate:
            return Transcript("", language or "")
        stream = recogniser.create_stream()
        stream.accept_waveform(_RATE, audio.resampled(_RATE).samples)
        recogniser.decode_stream(stream)
        return transcript_of(stream.result, 0.0, audio.seconds, language)

    def begin(self, language: str | None = None) -> int:
        """See `Transcriber`."""
        self._loaded()
        return self._live.begin(language)

    def hear(self, number: int, audio: Audio) -> tuple[LiveTranscript, ...]:
        """See `Transcriber`; an utterance is heard again after each second of new sound."""
        return self._live.hear(number, audio)

    def end(self, number: int) -> tuple[LiveTranscript, ...]:
        """See `Transcriber`."""
        return self._live.end(number)

    def abandon(self, number: int) -> None:
        """See `Transcriber`."""
        self._live.abandon(number)

    def _loaded(self) -> Any:  # noqa: ANN401 - untyped library
        if self._recogniser is None:
            raise BackendError("the transcriber is not loaded")
        return self._recogniser


_RATE = 16_000
_LEAST_SECONDS = 0.1
"""Shorter sounds give a model no whole frame to look at."""
