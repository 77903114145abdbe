"""Whisper through faster-whisper (CTranslate2): speech to text in many languages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import BackendError
from xy_core.modules.voice.config import TranscriberConfig
from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.types import Audio, SpeechSegment, Transcript, TranscriptSegment

_RATE = 16_000
_MIN_SILENCE_MS = 500
_PROMPTS = {"zh": "以下是普通话的句子。"}
"""Whisper follows the script and punctuation of what it believes was said before."""


class WhisperTranscriber:
    """A Whisper model in CTranslate2's format."""

    def __init__(self, folder: Path, config: TranscriberConfig, threads: int) -> None:
        self._folder = folder
        self._config = config
        self._threads = threads
        self._model: Any = None
        self._simplify: Any = None

    def load(self) -> None:
        """See `Engine`."""
        if self._model is not None:
            return
        whisper = library("faster_whisper", "faster-whisper")
        self._simplify = library("opencc").OpenCC("t2s").convert
        try:
            self._model = whisper.WhisperModel(
                str(self._folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=self._threads,
                num_workers=self._config.workers,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise BackendError(f"Whisper cannot be loaded from {self._folder}: {error}") from error

    def close(self) -> None:
        """See `Engine`."""
        self._model = None

    def transcribe(self, audio: Audio, language: str | None = None) -> Transcript:
        """See `Transcriber`; Chinese comes out in simplified characters."""
        if self._model is None:
            raise BackendError("the transcriber is not loaded")
        samples = audio.resampled(_RATE).samples
        if not detect_speech(audio):
            return Transcript("", language or "")
        spoken = language or self._language(samples)
        phrases, _ = self._model.transcribe(
            samples,
            language=spoken,
            beam_size=self._config.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            initial_prompt=_PROMPTS.get(spoken),
        )
        segments = tuple(self._segments(phrases, spoken))
        gap = "" if spoken == "zh" else " "
        return Transcript(gap.join(segment.text for segment in segments), spoken, segments)

    def _language(self, samples: NDArray[np.float32]) -> str:
        """The likeliest of the languages that may be heard."""
        _, _, ranking = self._model.detect_language(samples)
        allowed = self._config.languages
        return next((code for code, _ in ranking if code in allowed), allowed[0])

    def _segments(self, phrases: Iterable[Any], language: str) -> Iterable[TranscriptSegment]:
        for phrase in phrases:
            checkpoint()
            text = phrase.text.strip()
            if language == "zh":
                text = self._simplify(text)
            confidence = float(np.exp(min(phrase.avg_logprob, 0.0)))
            yield TranscriptSegment(text, phrase.start, phrase.end, confidence)


def detect_speech(audio: Audio) -> tuple[SpeechSegment, ...]:
    """Return the stretches in which someone speaks, in order (Silero VAD, carried by the library).

    Raises:
        MissingExtraError: faster-whisper is not installed.
    """
    vad = library("faster_whisper.vad", "faster-whisper")
    options = vad.VadOptions(min_silence_duration_ms=_MIN_SILENCE_MS)
    stretches = vad.get_speech_timestamps(audio.resampled(_RATE).samples, options)
    return tuple(
        SpeechSegment(stretch["start"] / _RATE, stretch["end"] / _RATE) for stretch in stretches
    )
