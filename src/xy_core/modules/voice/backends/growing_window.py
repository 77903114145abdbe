"""Live recognition by an engine that knows whole recordings only: it hears a growing window."""

from __future__ import annotations

from collections.abc import Callable

from xy_core.core.cancellation import checkpoint
from xy_core.modules.voice.backends.live_streams import LiveStreams
from xy_core.modules.voice.backends.silero import SileroDetector
from xy_core.modules.voice.endpointing import Endpointer, SpeechEnded, SpeechStarted
from xy_core.modules.voice.transcript import LiveTranscript, Transcript, agreement
from xy_core.modules.voice.types import Audio

STEP = 1.0
"""Seconds of new sound after which an utterance that goes on is heard again."""
Hear = Callable[[Audio, str | None], Transcript]


class GrowingWindow:
    """The live half of a `Transcriber` whose model takes whole recordings.

    Voice activity detection cuts the stream into utterances. The one that goes on is heard again
    from its beginning each `STEP` seconds; it is never longer than the endpointer allows.

    Args:
        hear: writes down a recording.
    """

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._streams: LiveStreams[_Window] = LiveStreams()

    def begin(self, language: str | None = None) -> int:
        """See `Transcriber`."""
        return self._streams.open(_Window(self._hear, language))

    def hear(self, number: int, audio: Audio) -> tuple[LiveTranscript, ...]:
        """See `Transcriber`."""
        return self._streams.get(number).feed(audio)

    def end(self, number: int) -> tuple[LiveTranscript, ...]:
        """See `Transcriber`."""
        try:
            return self._streams.get(number).flush()
        finally:
            self._streams.close(number)

    def abandon(self, number: int) -> None:
        """See `Transcriber`."""
        self._streams.close(number)

    def clear(self) -> None:
        """End all, as the engine is closed."""
        self._streams.clear()


class _Window:
    def __init__(self, hear: Hear, language: str | None) -> None:
        self._hear = hear
        self._language = language
        self._endpointer = Endpointer(SileroDetector())
        self._heard_at = 0.0
        self._start = 0.0
        self._before = ""

    def feed(self, audio: Audio) -> tuple[LiveTranscript, ...]:
        heard = self._finals(self._endpointer.feed(audio))
        now = self._endpointer.seconds
        if self._endpointer.speaking and now - self._heard_at >= STEP:
            self._heard_at = now
            heard.append(self._understand(self._endpointer.utterance, final=False))
        return tuple(one for one in heard if one.transcript.text)

    def flush(self) -> tuple[LiveTranscript, ...]:
        finals = self._finals(self._endpointer.flush())
        return tuple(one for one in finals if one.transcript.text)

    def _finals(self, events: list[SpeechStarted | SpeechEnded]) -> list[LiveTranscript]:
        finals = []
        for event in events:
            self._start = event.start
            if isinstance(event, SpeechEnded):
                finals.append(self._understand(event.audio, final=True))
                self._before = ""
            else:
                self._heard_at = event.start
        return finals

    def _understand(self, audio: Audio, *, final: bool) -> LiveTranscript:
        checkpoint()
        transcript = self._hear(audio, self._language).shifted(self._start)
        text = transcript.text
        agreed = len(text) if final else agreement(self._before, text)
        self._before = text
        return LiveTranscript(transcript, agreed, final)
