"""What a text becomes before it is spoken: sentences, each with its voice and its style."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xy_core.core.cancellation import checkpoint
from xy_core.modules.voice.markup import Pause, Said, SpeechMarkup
from xy_core.modules.voice.protocols import Synthesizer
from xy_core.modules.voice.sentences import split_sentences
from xy_core.modules.voice.speakable import language_runs
from xy_core.modules.voice.types import Audio, VoiceStyle


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of one voice."""

    voice: Synthesizer
    text: str
    language: str
    style: VoiceStyle


Script = Sequence[Line | Pause]


def write_script(
    text: str | SpeechMarkup,
    language: str,
    style: VoiceStyle,
    voice_for: Callable[[str], Synthesizer],
) -> Script:
    """Cut a text into lines; what no voice can say is left out.

    Args:
        text: plain, or with marks.
        language: ISO 639-1 code of what is not evidently Chinese.
        style: of a plain text; marks bring their own.
        voice_for: the voice of a language.
    """
    pieces = text.pieces if isinstance(text, SpeechMarkup) else (Said(text, style),)
    script: list[Line | Pause] = []
    for piece in pieces:
        if isinstance(piece, Pause):
            script.append(piece)
            continue
        for code, said in language_runs(piece.text, language):
            voice = voice_for(code)
            script += [
                Line(voice, sentence.strip(), code, piece.style)
                for sentence in split_sentences(said)
                if any(map(str.isalnum, sentence))
            ]
    return script


def perform(script: Script) -> Iterator[Audio]:
    """Speak a script, a chunk at a time; blocks."""
    rate = _FIRST_RATE
    for line in script:
        checkpoint()
        if isinstance(line, Pause):
            yield Audio.silence(line.seconds, rate)
            continue
        for chunk in line.voice.synthesize(line.text, line.language, line.style):
            rate = chunk.rate
            yield chunk


_FIRST_RATE = 24_000
"""Hertz of a pause that comes before all words."""
