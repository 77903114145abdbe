"""What the voice module asks of an engine; all are synchronous and may block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from xy_core.modules.voice.transcript import LiveTranscript, Transcript
from xy_core.modules.voice.types import Audio, VoiceStyle


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
    """Speech to text: of whole recordings, and of such as still go on.

    A live recognition is named by the number that `begin` returns, so that the engine may live in
    another process. Calls for one number come one after the other.
    """

    def transcribe(self, audio: Audio, language: str | None = None) -> Transcript:
        """Write down what is said; detect the language if none is given."""

    def begin(self, language: str | None = None) -> int:
        """Start a live recognition.

        Raises:
            BackendError: the engine is not loaded, or too many go on.
        """

    def hear(self, number: int, audio: Audio) -> tuple[LiveTranscript, ...]:
        """Take the next piece of sound; return utterances that ended and the one that goes on.

        Raises:
            AudioError: its rate is not that of the pieces before.
            BackendError: there is no such recognition.
        """

    def end(self, number: int) -> tuple[LiveTranscript, ...]:
        """End it and return what was still open, all final."""

    def abandon(self, number: int) -> None:
        """End it without looking at what was still open; harmless when it is over."""


class Synthesizer(Engine, Protocol):
    """Text to speech."""

    def synthesize(self, text: str, language: str, style: VoiceStyle) -> Iterator[Audio]:
        """Yield the sound of one sentence, in chunks as they become ready."""
