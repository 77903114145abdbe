"""Whisper through faster-whisper (CTranslate2): speech to text in many languages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import BackendError
from xy_core.modules.voice.backends.growing_window import GrowingWindow
from xy_core.modules.voice.config import TranscriberConfig
from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.transcript import (
    LiveTranscript,
    SpeechSegment,
    Transcript,
    TranscriptSegment,
    Word,
)
from xy_core.modules.voice.types import Audio

_RATE = 16_000
_MIN_SILENCE_MS = 500
_FRAMES = 100
"""Columns of a spectrogram a second."""
_SILENCE_AFTER = 3
"""Seconds of silence that stay after a recording: without any, last words are lost or repeated."""
_PROMPTS = {"zh": "以下是普通话的句子。"}
"""Whisper follows the script and punctuation of what it believes was said before."""


class WhisperTranscriber:
    """A Whisper model in CTranslate2's format."""

    def __init__(self, folder: Path, config: TranscriberConfig, threads: int) -> None:
        self._folder = folder
        self._config = config
        self._threads = threads
        self._model: Any = None
        self._simplify: Callable[[str], str] = str
        self._live = GrowingWindow(self._hear)

    def load(self) -> None:
        """See `Engine`."""
        if self._model is not None:
            return
        whisper = library("faster_whisper", "faster-whisper")
        # tqdm's own lock is a named semaphore, which a process that is killed leaves behind.
        library("tqdm").tqdm.set_lock(threading.RLock())
        self._simplify = library("opencc").OpenCC("t2s").convert
        try:
            self._model = _of_short_windows(whisper.WhisperModel, self._config.window)(
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
        self._live.clear()
        self._model = None

    def transcribe(self, audio: Audio, language: str | None = None) -> Transcript:
        """See `Transcriber`; Chinese comes out in simplified characters."""
        if self._model is None:
            raise BackendError("the transcriber is not loaded")
        if not detect_speech(audio):
            return Transcript("", language or "", language_confidence=1.0 if language else 0.0)
        return self._hear(audio, language)

    def begin(self, language: str | None = None) -> int:
        """See `Transcriber`."""
        if self._model is None:
            raise BackendError("the transcriber is not loaded")
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

    def _hear(self, audio: Audio, language: str | None) -> Transcript:
        """Write down a recording in which someone speaks."""
        checkpoint()
        samples = audio.resampled(_RATE).samples
        spoken, certainty = (language, 1.0) if language else self._language(samples)
        phrases, _ = self._model.transcribe(
            samples,
            language=spoken,
            beam_size=self._config.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            initial_prompt=_PROMPTS.get(spoken),
            word_timestamps=self._config.word_times,
        )
        segments = tuple(self._segments(phrases, spoken))
        gap = "" if spoken == "zh" else " "
        text = gap.join(segment.text for segment in segments)
        return Transcript(text, spoken, segments, certainty)

    def _language(self, samples: NDArray[np.float32]) -> tuple[str, float]:
        """The likeliest of the languages that may be heard, and how likely it is of them."""
        _, _, ranking = self._model.detect_language(samples)
        likely = {code: share for code, share in ranking if code in self._config.languages}
        if not likely:
            return self._config.languages[0], 0.0
        best = max(likely, key=lambda code: likely[code])
        return best, float(likely[best] / max(sum(likely.values()), 1e-9))

    def _segments(self, phrases: Iterable[Any], language: str) -> Iterable[TranscriptSegment]:
        for phrase in phrases:
            checkpoint()
            words = tuple(
                Word(self._written(word.word, language), word.start, word.end, word.probability)
                for word in phrase.words or ()
            )
            confidence = float(np.exp(min(phrase.avg_logprob, 0.0)))
            text = self._written(phrase.text, language)
            yield TranscriptSegment(text, phrase.start, phrase.end, confidence, words)

    def _written(self, text: str, language: str) -> str:
        text = text.strip()
        return self._simplify(text) if language == "zh" else text


def _of_short_windows(model: Any, window: float) -> Any:  # noqa: ANN401 - untyped library
    """Return a kind of model that computes no more than it must of the silence after a recording.

    The library fills each recording up to 30 s, and most of the time goes into what it filled in.
    """
    least = round(window * _FRAMES)

    def encode(self: Any, features: NDArray[np.float32]) -> Any:  # noqa: ANN401
        return model.encode(self, without_filling(features, least))

    return type("ShortWindows", (model,), {"encode": encode})


def without_filling(spectrogram: NDArray[np.float32], least: int) -> NDArray[np.float32]:
    """Return a spectrogram without most of the zeros that it was filled up with.

    Args:
        spectrogram: bands by frames, float32.
        least: frames that are left at least, if there are so many.
    """
    filled = np.flatnonzero(spectrogram.any(axis=0))
    sound = int(filled[-1]) + 1 if filled.size else 0
    whole_seconds = -(-sound // _FRAMES) + _SILENCE_AFTER
    return spectrogram[:, : max(least, whole_seconds * _FRAMES)]


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
