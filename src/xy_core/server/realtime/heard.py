"""Which words of a spoken reply reached the user."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(slots=True)
class _Sentence:
    text: str
    seconds: float = 0.0


class Heard:
    """The sentences of a reply and how long each sounds, in the order in which they are played."""

    def __init__(self) -> None:
        self._sentences: dict[int, _Sentence] = {}

    @property
    def seconds(self) -> float:
        """How long all that was spoken sounds."""
        return sum(one.seconds for one in self._sentences.values())

    def written(self, index: int, text: str) -> None:
        """Note a sentence."""
        self._sentences[index] = _Sentence(text.strip())

    def spoken(self, index: int, seconds: float) -> None:
        """Note a further piece of its sound."""
        self._sentences.setdefault(index, _Sentence("")).seconds += seconds

    def until(self, seconds: float) -> str:
        """Return the words that had been played after so many seconds.

        Of the sentence in which playing stopped those words count that fit into its played share:
        speech runs evenly enough within a sentence, and no engine here tells when each word sounds.
        """
        text, left = "", seconds
        for _, sentence in sorted(self._sentences.items()):
            if sentence.seconds <= 0:
                break
            played = min(left / sentence.seconds, 1.0)
            text = _joined(text, _beginning(sentence.text, played))
            left -= sentence.seconds
            if left <= 0:
                break
        return text


def _beginning(text: str, share: float) -> str:
    if share >= 1:
        return text
    length = int(len(text) * share)
    # A word that was cut was not heard; Chinese has no spaces, there each character counts.
    if length and re.match(r"[^\W\d_]{2}", text[length - 1 : length + 1], re.ASCII):
        return text[:length].rpartition(" ")[0]
    return text[:length].rstrip()


def _joined(before: str, after: str) -> str:
    if not before or not after:
        return before or after
    return f"{before} {after}" if after[0].isascii() else before + after
