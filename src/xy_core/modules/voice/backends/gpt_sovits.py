"""GPT-SoVITS: voices from a few seconds of a recording, through its server's ``api_v2.py``.

The contract has traps, each of which is met here:

- an error while it computes is answered by status 200 and exactly one second of zeros at
  16,000 Hz, a rate that no version of its models has;
- two requests at a time share one reference voice: there is one in flight, the others wait;
- a stream is a WAV header that announces no frames, then bare samples, in pieces that need not hold
  a whole number of them;
- an error after the first byte of a stream shows only in its breaking off, or in that silence at
  its end;
- its memory grows by some megabytes a request, so it can be restarted every so many.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from xy_core.core.errors import BackendError
from xy_core.modules.voice.backends.sovits_stream import Sound, read_sound
from xy_core.modules.voice.backends.speech_server import SpeechServer
from xy_core.modules.voice.config import SpeechServerConfig
from xy_core.modules.voice.prosody import Shaper, engine_speed
from xy_core.modules.voice.references import ReferenceBank
from xy_core.modules.voice.speakable import speakable
from xy_core.modules.voice.types import Audio, VoiceStyle

_SLOWEST, _FASTEST = 0.5, 2.0
FRAGMENT_INTERVAL = 0.3
"""Seconds of zeros that the server puts after each fragment; its own default."""


class GptSovitsSynthesizer:
    """A `Synthesizer` whose model is in a server; emotion is the choice of the reference voice.

    One request is in flight at a time; others wait for it in the order in which they came. Safe
    for several threads.

    Args:
        config: the server, and the file of its reference voices.
    """

    def __init__(self, config: SpeechServerConfig) -> None:
        self._config = config
        self._server = SpeechServer(config)
        self._bank: ReferenceBank | None = None
        self._loading = threading.Lock()

    def load(self) -> None:
        """Read and check the reference voices; the server itself is asked with the first words.

        Raises:
            ConfigError: they do not serve.
        """
        with self._loading:
            if self._bank is None:
                self._bank = ReferenceBank.load(self._config.references)

    def close(self) -> None:
        """See `Engine`."""
        self._bank = None

    def synthesize(self, text: str, language: str, style: VoiceStyle) -> Iterator[Audio]:
        """See `Synthesizer`.

        Raises:
            SpeechServerError: it cannot be reached, refuses, breaks off, or is silent.
        """
        bank = self._bank
        if bank is None:
            raise BackendError("the reference voices are not loaded")
        said = speakable(text)
        if not said:
            return
        request = _request(said, language, style, bank, self._config.mode)
        with self._server.answer(request) as pieces:
            yield from _shaped(read_sound(pieces, silence=FRAGMENT_INTERVAL), style)


def _request(
    text: str, language: str, style: VoiceStyle, bank: ReferenceBank, mode: int
) -> dict[str, Any]:
    speed = min(max(engine_speed(style), _SLOWEST), _FASTEST)
    return {
        "text": text,
        "text_lang": language.lower(),
        **bank.choose(style).as_request(),
        "media_type": "wav",
        "streaming_mode": mode,
        "speed_factor": round(speed, 3),
        "fragment_interval": FRAGMENT_INTERVAL,
    }


def _shaped(sounds: Iterator[Sound], style: VoiceStyle) -> Iterator[Audio]:
    shaper: Shaper | None = None
    for sound in sounds:
        shaper = shaper or Shaper(sound.rate, style)
        audio = shaper.feed(sound.samples)
        if len(audio.samples):
            yield audio
    if shaper is not None and len((rest := shaper.finish()).samples):
        yield rest
