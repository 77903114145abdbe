"""Kokoro-82M (ONNX): natural speech from phonemes of several languages.

The wheels at hand carry Japanese speakers only. Kokoro's speakers are styles that are not bound
to a language: given Mandarin phonemes they speak Mandarin, and Whisper understands them far better
than espeak-ng's Mandarin (see docs/architecture.md for the figures).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import BackendError
from xy_core.modules.voice.backends.english import EnglishPhonemes
from xy_core.modules.voice.backends.mandarin import MandarinPhonemes
from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.prosody import engine_speed, shape
from xy_core.modules.voice.types import Audio, VoiceStyle

_RATE = 24_000
_MAX_TOKENS = 510
"""Kokoro's context is 512 tokens, of which one begins and one ends the sentence."""
_EDGE = 0


class KokoroSynthesizer:
    """Kokoro's model, its vocabulary and its speakers, in one folder."""

    def __init__(self, folder: Path, voices: tuple[str, ...], threads: int) -> None:
        self._folder = folder
        self._voices = voices
        self._threads = threads
        self._session: Any = None
        self._vocabulary: dict[str, int] = {}
        self._phonemes: dict[str, Callable[[str], str]] = {}
        self._styles: NDArray[np.float32] = np.zeros((0, 1, 256), np.float32)

    def load(self) -> None:
        """See `Engine`."""
        if self._session is not None:
            return
        runtime = library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        self._phonemes = {"zh": MandarinPhonemes(), "en": EnglishPhonemes()}
        try:
            self._vocabulary = json.loads((self._folder / "vocab.json").read_text("utf-8"))["vocab"]
            self._styles = self._mix(np.load(self._folder / "voices_ja.npz"))
            self._session = runtime.InferenceSession(
                str(self._folder / "kokoro.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no base but this
            raise BackendError(f"Kokoro cannot be loaded from {self._folder}: {error}") from error

    def close(self) -> None:
        """See `Engine`."""
        self._session = None

    def synthesize(self, text: str, language: str, style: VoiceStyle) -> Iterator[Audio]:
        """See `Synthesizer`; Chinese and English, anything else is read as English."""
        if self._session is None:
            raise BackendError("the Kokoro voice is not loaded")
        phonemes = self._phonemes.get(language, self._phonemes["en"])(text)
        tokens = [self._vocabulary[sign] for sign in phonemes if sign in self._vocabulary]
        for start in range(0, len(tokens), _MAX_TOKENS):
            checkpoint()
            samples = self._speak(tokens[start : start + _MAX_TOKENS], engine_speed(style))
            yield shape(samples, _RATE, style)

    def _speak(self, tokens: list[int], speed: float) -> NDArray[np.float32]:
        inputs = {
            "tokens": np.array([[_EDGE, *tokens, _EDGE]], np.int64),
            # A speaker has one style for every length of sentence.
            "style": self._styles[len(tokens) - 1].reshape(1, -1),
            "speed": np.array([speed], np.float32),
        }
        spoken = self._session.run(None, inputs)[0]
        return np.asarray(spoken, np.float32).ravel()

    def _mix(self, speakers: Any) -> NDArray[np.float32]:  # noqa: ANN401 - numpy's lazy archive
        """The mean of the chosen speakers, shape (lengths, 1, 256); the first if none is chosen."""
        names = self._voices or (speakers.files[0],)
        missing = [name for name in names if name not in speakers.files]
        if missing:
            raise ValueError(f"no speaker {missing[0]!r}; there are {', '.join(speakers.files)}")
        styles = [speakers[name].astype(np.float32) for name in names]
        mixed: NDArray[np.float32] = reduce(add, styles) / np.float32(len(styles))
        return mixed
