"""sherpa-onnx's streaming models: they take sound as it comes and never hear it twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import AudioError, BackendError
from xy_core.modules.voice.backends.live_streams import LiveStreams
from xy_core.modules.voice.backends.sherpa_models import make_recogniser
from xy_core.modules.voice.backends.sherpa_result import transcript_of
from xy_core.modules.voice.config import TranscriberConfig
from xy_core.modules.voice.transcript import LiveTranscript, Transcript, agreement
from xy_core.modules.voice.types import Audio, ResampleStream

_RATE = 16_000
_TAIL = 0.66
"""Seconds of silence after the end, so that the last words leave the model's window (k2-fsa's own
examples add as much)."""


class SherpaStreamer:
    """A `Transcriber` that is at home in live recognition; whole recordings are one stream."""

    def __init__(self, folder: Path, config: TranscriberConfig, threads: int) -> None:
        self._folder = folder
        self._config = config
        self._threads = threads
        self._recogniser: Any = None
        self._streams: LiveStreams[_Stream] = LiveStreams()

    def load(self) -> None:
        """See `Engine`."""
        if self._recogniser is None:
            self._recogniser = make_recogniser(self._folder, self._config.kind, self._threads)

    def close(self) -> None:
        """See `Engine`."""
        self._streams.clear()
        self._recogniser = None

    def transcribe(self, audio: Audio, language: str | None = None) -> Transcript:
        """See `Transcriber`."""
        number = self.begin(language)
        try:
            heard = [*self.hear(number, audio), *self.end(number)]
        finally:
            self.abandon(number)
        finals = [one.transcript for one in heard if one.final]
        if not finals:
            return Transcript("", language or "")
        first = finals[0]
        gap = "" if first.language == "zh" else " "
        segments = tuple(segment for one in finals for segment in one.segments)
        text = gap.join(one.text for one in finals)
        return Transcript(text, first.language, segments, first.language_confidence)

    def begin(self, language: str | None = None) -> int:
        """See `Transcriber`."""
        if self._recogniser is None:
            raise BackendError("the transcriber is not loaded")
        return self._streams.open(_Stream(self._recogniser.create_stream(), language))

    def hear(self, number: int, audio: Audio) -> tuple[LiveTranscript, ...]:
        """See `Transcriber`."""
        stream = self._streams.get(number)
        samples = stream.resampled(audio)
        heard: list[LiveTranscript] = []
        for start in range(0, len(samples), _RATE):
            # Long pieces are given bit by bit, so that their utterances are told apart.
            checkpoint()
            heard += self._take(stream, samples[start : start + _RATE])
        going_on = self._heard(stream, final=False)
        return (*heard, going_on) if going_on else tuple(heard)

    def end(self, number: int) -> tuple[LiveTranscript, ...]:
        """See `Transcriber`."""
        stream = self._streams.get(number)
        try:
            tail = np.zeros(int(_TAIL * _RATE), np.float32)
            heard = self._take(stream, np.concatenate([stream.rest(), tail]))
            stream.inner.input_finished()
            heard += self._decode(stream)
            last = self._heard(stream, final=True)
        finally:
            self._streams.close(number)
        return (*heard, last) if last else tuple(heard)

    def abandon(self, number: int) -> None:
        """See `Transcriber`."""
        self._streams.close(number)

    def _take(self, stream: _Stream, samples: NDArray[np.float32]) -> list[LiveTranscript]:
        stream.inner.accept_waveform(_RATE, samples)
        stream.seconds += len(samples) / _RATE
        return self._decode(stream)

    def _decode(self, stream: _Stream) -> list[LiveTranscript]:
        """Work off what came in; return the utterances that ended."""
        finals = []
        while self._recogniser.is_ready(stream.inner):
            self._recogniser.decode_stream(stream.inner)
            if self._recogniser.is_endpoint(stream.inner):
                final = self._heard(stream, final=True)
                self._recogniser.reset(stream.inner)
                stream.start, stream.before = stream.seconds, ""
                finals += [final] if final else []
        return finals

    def _heard(self, stream: _Stream, *, final: bool) -> LiveTranscript | None:
        result = self._recogniser.get_result_all(stream.inner)
        transcript = transcript_of(result, stream.start, stream.seconds, stream.language)
        text = transcript.text
        if not text:
            return None
        agreed = len(text) if final else agreement(stream.before, text)
        stream.before = text
        return LiveTranscript(transcript, agreed, final)


@dataclass(slots=True)
class _Stream:
    """One live recognition: sherpa-onnx's stream, and where in it the present utterance is."""

    inner: Any
    language: str | None
    resampler: ResampleStream | None = None
    seconds: float = 0.0
    start: float = 0.0
    before: str = ""

    def resampled(self, audio: Audio) -> NDArray[np.float32]:
        """The next piece at the model's rate; sherpa-onnx ends the process if a rate changes."""
        if self.resampler is None:
            self.resampler = ResampleStream(audio.rate, _RATE)
        elif self.resampler.from_rate != audio.rate:
            raise AudioError(
                f"the stream began with {self.resampler.from_rate:g} Hz and goes on with "
                f"{audio.rate} Hz: begin a new one"
            )
        return self.resampler.feed(audio.samples)

    def rest(self) -> NDArray[np.float32]:
        """What the resampler still holds."""
        return np.zeros(0, np.float32) if self.resampler is None else self.resampler.finish()
