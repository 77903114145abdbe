"""SSML-lite: text with marks for rate, pitch, loudness, pauses and emotion.

    <speak>
      <prosody rate="slow" pitch="-2st" volume="soft">I heard the news.</prosody>
      <break time="400ms"/>
      <emotion name="joy">And there is good news, too!</emotion>
      <mstts:express-as style="cheerful">Azure's way to say the same.</mstts:express-as>
    </speak>

Markup is only what is given as `SpeechMarkup`. A plain string stays text, whatever brackets are in
it, so that a model's reply can never change the voice by accident. Markup that is not well-formed,
or that uses what we do not know, raises `MarkupError` and is never read aloud half.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from xml.parsers import expat

from xy_core.core.errors import MarkupError
from xy_core.modules.voice.types import VoiceStyle

MAX_CHARACTERS = 20_000
MAX_DEPTH = 16
LONGEST_PAUSE = 10.0
"""Seconds; longer breaks are cut to it, as other speech services do."""


@dataclass(frozen=True, slots=True)
class Said:
    """Words and how they are said."""

    text: str
    style: VoiceStyle


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence between words."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SpeechMarkup:
    """A text with marks, understood.

    Attributes:
        pieces: what is said, and the pauses, in order.
    """

    pieces: tuple[Said | Pause, ...]

    @classmethod
    def parse(cls, markup: str, style: VoiceStyle | None = None) -> SpeechMarkup:
        """Understand SSML-lite; a text without ``<speak>`` round it is taken for its content.

        Args:
            markup: the text; entities beyond XML's five and document types are refused.
            style: how it is said where no mark says otherwise.

        Raises:
            MarkupError: too long, too deep, not well-formed, or with unknown marks or values.
        """
        if len(markup) > MAX_CHARACTERS:
            raise MarkupError(
                f"the markup has {len(markup):,} characters, over the limit of "
                f"{MAX_CHARACTERS:,}: give it in parts"
            )
        whole = markup if markup.lstrip().startswith(("<speak", "<?xml")) else _wrapped(markup)
        return cls(_Reader(style or VoiceStyle()).read(whole))


class _Reader:
    """Follows expat through the text; the last style on the stack is in force."""

    def __init__(self, style: VoiceStyle) -> None:
        self._styles = [style]
        self._pieces: list[Said | Pause] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.CharacterDataHandler = self._say
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.buffer_text = True

    def read(self, markup: str) -> tuple[Said | Pause, ...]:
        try:
            self._parser.Parse(markup.encode("utf-8", "replace"), True)  # noqa: FBT003 - expat's way to say that it is all
        except expat.ExpatError as error:
            raise MarkupError(
                f"the markup is not well-formed: {expat.ErrorString(error.code)} in line "
                f"{error.lineno}, column {error.offset}: correct it, or give it as plain text"
            ) from error
        return tuple(self._pieces)

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._styles) > MAX_DEPTH:
            raise MarkupError(f"the markup is nested over {MAX_DEPTH} deep: make it flatter")
        style = self._styles[-1]
        match name:
            case "prosody":
                style = _prosody(style, attributes)
            case "emotion":
                style = replace(style, emotion=_required(name, attributes, "name"))
            case "express-as" | "mstts:express-as":
                style = replace(style, emotion=_emotion(_required(name, attributes, "style")))
            case "break":
                self._pieces.append(Pause(_pause(attributes)))
            case "speak" | "p" | "s":
                pass
            case _:
                raise MarkupError(f"<{name}> is unknown: use {_KNOWN}")
        self._styles.append(style)

    def _close(self, name: str) -> None:
        self._styles.pop()
        if name in {"p", "s"}:
            self._pieces.append(Pause(_BREAKS["medium" if name == "s" else "strong"]))

    def _say(self, text: str) -> None:
        if text.strip():
            self._pieces.append(Said(text, self._styles[-1]))

    def _refuse_doctype(self, *_: object) -> None:
        raise MarkupError("the markup declares a document type: leave <!DOCTYPE out")


_KNOWN = "speak, p, s, prosody, break, emotion, express-as"
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_PITCHES = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}
_VOLUMES = {
    "x-soft": 0.4,
    "soft": 0.7,
    "medium": 1.0,
    "default": 1.0,
    "loud": 1.4,
    "x-loud": 1.8,
}
_BREAKS = {
    "none": 0.0,
    "x-weak": 0.1,
    "weak": 0.2,
    "medium": 0.4,
    "strong": 0.7,
    "x-strong": 1.2,
}
"""Seconds. SSML 1.1 leaves all of these words to the engine; the values are ours."""
_STYLES = {
    "cheerful": "joy",
    "excited": "joy",
    "friendly": "joy",
    "sad": "sadness",
    "depressed": "sadness",
    "angry": "anger",
    "fearful": "fear",
    "terrified": "fear",
    "disgruntled": "disgust",
    "calm": "neutral",
}
"""Styles of Azure's ``express-as`` as our emotions; others are passed on by their name."""
_PERCENT = re.compile(r"([+-]?)(\d{1,3}(?:\.\d+)?)%")
_FACTOR = re.compile(r"\d(?:\.\d+)?")
_SEMITONES = re.compile(r"([+-]?\d{1,2}(?:\.\d+)?)st")
_DECIBELS = re.compile(r"([+-]?\d{1,2}(?:\.\d+)?)dB", re.IGNORECASE)
_TIME = re.compile(r"(\d{1,6}(?:\.\d+)?)(ms|s)")
_OCTAVE = 12.0


def _wrapped(content: str) -> str:
    return f"<speak>{content}</speak>"


def _required(name: str, attributes: Mapping[str, str], wanted: str) -> str:
    value = attributes.get(wanted, "").strip()
    if not value:
        raise MarkupError(f"<{name}> needs {wanted}: write <{name} {wanted}=...>")
    return value


def _emotion(style: str) -> str:
    return _STYLES.get(style.lower(), style.lower())


def _prosody(style: VoiceStyle, attributes: Mapping[str, str]) -> VoiceStyle:
    """Change a style by an element's marks; what is beyond its bounds is cut to them."""
    readers: dict[str, Callable[[str], float]] = {
        "rate": lambda text: style.rate * _factor("rate", text, _RATES),
        "pitch": lambda text: style.pitch + _semitones(text),
        "volume": lambda text: style.energy * _loudness(text),
    }
    unknown = attributes.keys() - readers
    if unknown:
        raise MarkupError(f"<prosody> has no {min(unknown)}: use {', '.join(readers)}")
    found = {name: readers[name](text.strip()) for name, text in attributes.items()}
    return replace(
        style,
        rate=min(max(found.get("rate", style.rate), 0.5), 2.0),
        pitch=min(max(found.get("pitch", style.pitch), -_OCTAVE), _OCTAVE),
        energy=min(max(found.get("volume", style.energy), 0.1), 2.0),
    )


def _factor(what: str, text: str, words: Mapping[str, float]) -> float:
    """Read ``slow``, ``1.2``, ``120%`` or ``+20%``."""
    if text in words:
        return words[text]
    if match := _PERCENT.fullmatch(text):
        share = float(match[2]) / 100
        return {"": share, "+": 1 + share, "-": 1 - share}[match[1]]
    if _FACTOR.fullmatch(text):
        return float(text)
    raise MarkupError(f"{what} {text!r} is unknown: give {', '.join(words)}, or such as +20%")


def _semitones(text: str) -> float:
    """Read ``low``, ``-2st``, or a percentage, of which 100 is taken for an octave."""
    if text in _PITCHES:
        return _PITCHES[text]
    if match := _SEMITONES.fullmatch(text):
        return float(match[1])
    if (match := _PERCENT.fullmatch(text)) and match[1]:
        return float(match[1] + match[2]) / 100 * _OCTAVE
    raise MarkupError(f"pitch {text!r} is unknown: give {', '.join(_PITCHES)}, or such as -2st")


def _loudness(text: str) -> float:
    """Read ``soft``, ``+6dB``, ``80%``: a linear gain."""
    if match := _DECIBELS.fullmatch(text):
        return float(10 ** (float(match[1]) / 20))
    return _factor("volume", text, _VOLUMES)


def _pause(attributes: Mapping[str, str]) -> float:
    if "time" in attributes:
        match = _TIME.fullmatch(attributes["time"].strip())
        if match is None:
            raise MarkupError(f"break time {attributes['time']!r} is unknown: give 400ms or 1.5s")
        return min(float(match[1]) / (1_000 if match[2] == "ms" else 1), LONGEST_PAUSE)
    strength = attributes.get("strength", "medium")
    if strength not in _BREAKS:
        raise MarkupError(f"break strength {strength!r} is unknown: give {', '.join(_BREAKS)}")
    return _BREAKS[strength]
