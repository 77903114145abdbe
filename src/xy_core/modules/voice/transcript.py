"""What was heard: words, phrases, whole recordings, and a recording that still goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """A stretch of audio in which someone speaks, in seconds from its start."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or one Chinese character or run of them, as the engine cuts them.

    Attributes:
        text: without blanks around it.
        start: seconds from the start of the audio.
        end: seconds from the start of the audio.
        confidence: its probability, in [0, 1]; 1 where the engine gives none.
    """

    text: str
    start: float
    end: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """One phrase that was heard.

    Attributes:
        text: its words.
        start: seconds from the start of the audio.
        end: seconds from the start of the audio.
        confidence: the mean probability of its tokens, in [0, 1]; 1 where the engine gives none.
        words: when each word was said.
    """

    text: str
    start: float
    end: float
    confidence: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said.

    Attributes:
        text: all of it; empty when nobody spoke.
        language: ISO 639-1 code; empty when nobody spoke and none was asked for.
        segments: its phrases in order.
        language_confidence: how likely the language is, in [0, 1]; 1 if it was asked for, 0 if the
            engine does not say.
    """

    text: str
    language: str
    segments: tuple[TranscriptSegment, ...] = ()
    language_confidence: float = 0.0

    @property
    def confidence(self) -> float:
        """The segments' confidence weighted by their length, in [0, 1]; 0 without segments."""
        lengths = [max(segment.end - segment.start, 1e-3) for segment in self.segments]
        if not lengths:
            return 0.0
        weighted = (
            segment.confidence * length
            for segment, length in zip(self.segments, lengths, strict=True)
        )
        return sum(weighted) / sum(lengths)

    def shifted(self, seconds: float) -> Transcript:
        """Return the same with all times later by that much."""
        return replace(self, segments=tuple(_later(one, seconds) for one in self.segments))


@dataclass(frozen=True, slots=True)
class LiveTranscript:
    """One utterance of a recording that still goes on, as it is understood by now.

    Attributes:
        transcript: the whole utterance so far; its times count from the start of the stream.
        agreed: how many of the text's first characters were heard the same the time before, and
            so will hardly change ("local agreement": Macháček et al. 2023, Whisper-Streaming).
        final: the utterance is over; what follows belongs to the next.
    """

    transcript: Transcript
    agreed: int
    final: bool


def agreement(before: str, now: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(before), len(now)))


def _later(segment: TranscriptSegment, seconds: float) -> TranscriptSegment:
    words = tuple(
        replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words
    )
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)
