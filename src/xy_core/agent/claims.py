"""What an input claims, from where, and where its parts contradict one another."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xy_core.modules.emotion import Emotion, Evidence, Modality

_HEARD, _FELT = 0.35, 0.3
_WELL = {Emotion.JOY, Emotion.NEUTRAL}
_ILL = {Emotion.SADNESS, Emotion.ANGER, Emotion.FEAR, Emotion.DISGUST}
_OPPOSITES = (
    ({"open", "opened", "营业", "开门"}, {"closed", "shut", "休息", "关门", "停业"}),
    ({"entrance", "entry", "入口"}, {"exit", "出口"}),
    ({"push", "推"}, {"pull", "拉"}),
    ({"left", "左"}, {"right", "右"}),
    ({"allowed", "允许"}, {"forbidden", "prohibited", "禁止"}),
)
_WORD = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
_HAN = re.compile(r"[\u4e00-\u9fff]")


class Source(enum.StrEnum):
    """Where a claim comes from."""

    TYPED = "typed"
    SAID = "said"
    PICTURE = "picture"
    WORDS = "words"
    VOICE = "voice"
    FACE = "face"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that an input says.

    Attributes:
        source: where it comes from.
        text: what it says; of a feeling, the emotion's name.
        confidence: how sure it is, 0 to 1.
    """

    source: Source
    text: str
    confidence: float

    @property
    def doubtful(self) -> bool:
        """Whether it was heard or read too badly to rely on."""
        return self.confidence < _HEARD


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two claims that cannot both be taken as they are."""

    one: Claim
    other: Claim


def feelings(evidence: Sequence[Evidence]) -> Iterator[Claim]:
    """Yield what words, voice and face say of the user's feeling."""
    sources = {
        Modality.TEXT: Source.WORDS,
        Modality.VOICE: Source.VOICE,
        Modality.FACE: Source.FACE,
    }
    for piece in evidence:
        top = max(piece.probabilities, key=piece.probabilities.__getitem__)
        yield Claim(sources[piece.modality], top.value, piece.confidence)


def contradictions(claims: Sequence[Claim]) -> list[Contradiction]:
    """Return what does not fit together: a feeling and its words, a sign and what is said of it."""
    words = [claim for claim in claims if claim.source in {Source.TYPED, Source.SAID}]
    read = [claim for claim in claims if claim.source is Source.PICTURE and not claim.doubtful]
    signs = [Contradiction(word, line) for word in words for line in read if _opposed(word, line)]
    return [*_masked(claims), *signs, *_numbers(words, read)]


def _masked(claims: Sequence[Claim]) -> Iterator[Contradiction]:
    """Words that sound well with a voice or a face that does not, or the other way round.

    Words without a feeling of their own have no certainty; a voice or a face must have some.
    """
    spoken = [claim for claim in claims if claim.source is Source.WORDS]
    shown = [claim for claim in claims if claim.source in {Source.VOICE, Source.FACE}]
    for word in spoken:
        for sign in shown:
            felt, seems = Emotion(word.text), Emotion(sign.text)
            hidden = felt in _WELL and seems in _ILL
            played = felt in _ILL and seems is Emotion.JOY and word.confidence >= _FELT
            if sign.confidence >= _FELT and (hidden or played):
                yield Contradiction(word, sign)


def _opposed(word: Claim, line: Claim) -> bool:
    return any(
        (_has(word.text, one) and _has(line.text, other) and not _has(word.text, other))
        or (_has(word.text, other) and _has(line.text, one) and not _has(word.text, one))
        for one, other in _OPPOSITES
    )


def _has(text: str, words: set[str]) -> bool:
    folded = text.casefold()
    known = set(_WORD.findall(folded))
    return any(word in known or (_HAN.match(word) and word in folded) for word in words)


def _numbers(words: Sequence[Claim], read: Sequence[Claim]) -> Iterator[Contradiction]:
    """Numbers that are said, of which the picture has others of the same length, and not these."""
    seen = {number: line for line in read for number in _NUMBER.findall(line.text)}
    for word in words:
        for number in _NUMBER.findall(word.text):
            alike = [line for other, line in seen.items() if len(other) == len(number)]
            if alike and number not in seen:
                yield Contradiction(word, alike[0])
