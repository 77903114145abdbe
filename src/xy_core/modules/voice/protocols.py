"""What the voice module asks of an engine; all are synchronous and may block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from xy_core.modules.voice.types import Audio, Transcript, VoiceStyle


class Engine(Protocol):
    """Something that holds a model."""

    def load(self) -> None:
        """Read the model into memory; harmless when it already is.

        Raises:
            MissingExtraError: the engine's library is not installed.
            BackendError: the engine refuses its files.
        """

    def close(self) -> None:
        """Give the model back; harmless when there is none."""


class Transcriber(Engine, Protocol):
    """Speech to text."""

    def transcribe(self, audio: Audio, language: str | None = None) -> Transcript:
        """Write down what is said; detect the language if none is given."""


class Synthesizer(Engine, Protocol):
    """Text to speech."""

    def synthesize(self, text: str, language: str, style: VoiceStyle) -> Iterator[Audio]:
        """Yield the sound of one sentence, in chunks as they become ready."""
