"""How a text is written before it is cut into tokens; training and reading share this code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

MOST_CHARACTERS = 2_000
"""Of a longer text only the beginning and the end are read, half as many of each."""

_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
_SPACE = re.compile(r"\s+")
_SYMBOL = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u200b-\u200f\u2060\ufe0e\ufe0f\ud800-\uf8ff\U0001f3fb-\U0001f3ff]"
)
"""Control characters, joiners, variation selectors, lone surrogates, private use, skin tones."""


def worded(text: str, known: Container[str]) -> str:
    """Return the text in lower case, long runs of one character cut to three.

    An emoji that the model has no token for is replaced by its name, which says what it shows.

    Args:
        text: any text.
        known: the single characters that the model has a token for.
    """
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS // 2] + " " + text[-MOST_CHARACTERS // 2 :]
    text = _INVISIBLE.sub("", text).lower()
    text = _RUN.sub(r"\1\1\1", text)
    text = _SYMBOL.sub(lambda found: _named(found.group(), known), text)
    return _SPACE.sub(" ", text).strip()


def says_something(text: str) -> bool:
    """Tell whether a text has a letter of any script, or a symbol such as an emoji."""
    return _SYMBOL.search(text) is not None or any(
        unicodedata.category(character) in _LETTERS for character in text
    )


_LETTERS = {"Ll", "Lo", "Lt", "Lu"}


def _named(symbol: str, known: Container[str]) -> str:
    return symbol if symbol in known else f" {unicodedata.name(symbol, '').lower()} "
