"""espeak-ng through its wheel: tiny, robotic, speaks a hundred languages; the last resort."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.core.errors import BackendError
from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.prosody import engine_speed, shape
from xy_core.modules.voice.types import Audio, VoiceStyle

_VOICES = {"zh": "cmn", "en": "en-us"}
_WORDS_A_MINUTE = 150
# From espeak-ng's speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_OK = 0

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_ONE_AT_A_TIME = threading.Lock()
"""The library keeps its voice and its callback in global variables."""


class EspeakSynthesizer:
    """The formant synthesizer espeak-ng."""

    def __init__(self) -> None:
        self._library: Any = None
        self._rate = 0

    def load(self) -> None:
        """See `Engine`."""
        if self._library is not None:
            return
        loader = library("espeakng_loader", "espeakng-loader")
        try:
            engine = ctypes.CDLL(loader.get_library_path())
        except OSError as error:
            raise BackendError(f"espeak-ng cannot be loaded: {error}") from error
        data = loader.get_data_path().encode()
        rate = engine.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, 0)
        if rate <= 0:
            raise BackendError("espeak-ng found no voices in its wheel: install it again")
        self._library, self._rate = engine, rate

    def close(self) -> None:
        """See `Engine`."""
        self._library = None

    def synthesize(self, text: str, language: str, style: VoiceStyle) -> Iterator[Audio]:
        """See `Synthesizer`."""
        if self._library is None:
            raise BackendError("espeak-ng is not loaded")
        with _ONE_AT_A_TIME:
            samples = self._speak(text, _VOICES.get(language, language), engine_speed(style))
        yield shape(samples, self._rate, style)

    def _speak(self, text: str, voice: str, speed: float) -> NDArray[np.float32]:
        engine = self._library
        pieces: list[NDArray[np.int16]] = []

        def take(samples: Any, count: int, _events: Any) -> int:  # noqa: ANN401 - C pointers
            if samples and count:
                pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        callback = _Callback(take)
        engine.espeak_SetSynthCallback(callback)
        if engine.espeak_SetVoiceByName(voice.encode()) != _OK:
            raise BackendError(f"espeak-ng has no voice {voice!r}")
        engine.espeak_SetParameter(_PARAMETER_RATE, round(_WORDS_A_MINUTE * speed), 0)
        raw = text.encode()
        engine.espeak_Synth(
            ctypes.c_char_p(raw),
            ctypes.c_size_t(len(raw) + 1),
            0,
            _POSITION_CHARACTER,
            0,
            _CHARS_UTF8,
            None,
            None,
        )
        engine.espeak_Synchronize()
        if not pieces:
            return np.zeros(0, np.float32)
        return np.concatenate(pieces).astype(np.float32) / np.float32(32_768)
