"""Cuts text that is still being written into sentences that can already be spoken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

MAX_WIDTH = 160
"""Longest sentence, in terminal columns: 80 Chinese characters or 160 Latin ones."""


class SentenceSplitter:
    r"""Takes pieces of Chinese or English text and gives back complete sentences.

    Nothing is lost or changed: the sentences joined are the text. Where the cuts fall does not
    depend on how the text was divided into pieces. A sentence keeps the blanks that follow it; it
    is given out once the next character shows that it is over.

        splitter = SentenceSplitter()
        splitter.feed("Dr. Li paid 3.5 ")   # []
        splitter.feed("yuan. Then")         # ["Dr. Li paid 3.5 yuan. "]
        splitter.flush()                    # ["Then"]
    """

    def __init__(self, max_width: int = MAX_WIDTH) -> None:
        self._max_width = max_width
        self._pending = ""

    def feed(self, text: str) -> list[str]:
        """Add text and return the sentences that are now complete."""
        self._pending += text
        return list(self._complete())

    def flush(self) -> list[str]:
        """Return what is left, at the end of the text; the splitter is then as new."""
        rest, self._pending = self._pending, ""
        return [rest] if rest else []

    def _complete(self) -> Iterator[str]:
        while (end := self._end()) is not None:
            sentence, self._pending = self._pending[:end], self._pending[end:]
            yield sentence

    def _end(self) -> int | None:
        """Where the first sentence ends, if that is certain."""
        text = self._pending
        limit = _columns_end(text, self._max_width)
        for match in _TERMINATOR.finditer(text, 0, limit + 1):
            if match.end() > limit or match.end() == len(text):
                break
            if _ends_sentence(text, match):
                return match.end()
        return _last_pause(text, limit) if limit < len(text) else None


def split_sentences(text: str) -> list[str]:
    """Cut a whole text into sentences; joined, they are the text."""
    splitter = SentenceSplitter()
    return [*splitter.feed(text), *splitter.flush()]


_TERMINATOR = re.compile(
    r"(?P<mark>[。！？；]+|[.!?…。！？]+|\n)(?P<closing>[\"'”’」』）》】)\]]*)(?P<blank>\s*)"
)
_PAUSE = re.compile(r"[，、；：](?=.)|[,;:—](?!\d)\s*|\s+", re.DOTALL)
_WORD_BEFORE = re.compile(r"[A-Za-z][A-Za-z.]*$|^\s*\d{1,3}$")
_ABBREVIATIONS = frozenset(
    (
        "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "a.m",
        "p.m", "no", "vol", "fig", "approx", "dept", "est", "inc", "ltd", "co", "u.s", "u.k",
        "ph.d", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov",
        "dec",
    )
)  # fmt: skip


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Whether a terminator, whose next character is known, ends a sentence."""
    mark, following = match["mark"], text[match.end()]
    if mark == "\n" or re.search("[。！？；]", mark) or "\n" in match["blank"]:
        return True
    if following.islower() or not (match["blank"] or _is_wide(following)):
        return False
    return mark != "." or not _abbreviates(text[: match.start()])


def _abbreviates(before: str) -> bool:
    """Whether a full stop after these words belongs to the last one, or to a list's number."""
    word = _WORD_BEFORE.search(before)
    if word is None:
        return False
    last = word.group().strip()
    initial = len(last) == 1 and last.isupper() and last != "I"
    return initial or last.isdigit() or last.lower() in _ABBREVIATIONS


def _last_pause(text: str, limit: int) -> int:
    """Where to cut a sentence that is too long: at its last pause, or else in the middle."""
    ends = [match.end() for match in _PAUSE.finditer(text, 0, limit + 1)]
    return max((end for end in ends if end <= limit), default=limit)


def _columns_end(text: str, columns: int) -> int:
    """How many of the first characters fit in that many terminal columns."""
    widths = accumulate(2 if _is_wide(character) else 1 for character in text)
    return sum(1 for width in widths if width <= columns)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
