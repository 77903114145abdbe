"""Features of a text: hashed n-grams of its words and characters.

Training and reading share this code: the weights mean nothing without it.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

BUCKETS = 1 << 20
"""Columns that n-grams are hashed to (Weinberger et al. 2009, "Feature hashing")."""

_PIECES = re.compile(
    r"[a-zà-ɏ]+(?:['’][a-z]+)*"  # a word of a Latin script
    r"|\d+"
    r"|[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # one Chinese character
    r"|\.\.+|[!?。,、~]"  # punctuation that carries tone
    r"|[:;=]-?[()dp/]"  # :-) ;) =d
    r"|[\u2190-\u2bff\U0001f000-\U0001faff]"  # one emoji or symbol
)
_NUMBER = "0"
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORDS = 3
"""Longest run of words or Chinese characters that is one feature."""
_PARTS = range(3, 6)
"""Lengths of the parts of a Latin word that are features, its ends marked with spaces."""


def features(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the columns of a text's n-grams and their values.

    Values are ±(1 + ln count), the sign from the hash. The text is folded to lower case and NFKC
    first; traditional characters stay as they are.

    Returns:
        columns, shape (n,), each below `BUCKETS` and once only; values, shape (n,). Both are empty
        for a text without a word, a Chinese character or an emoji.
    """
    counts = Counter(_ngrams(pieces(text)))
    columns = np.empty(len(counts), np.int64)
    values = np.empty(len(counts), np.float32)
    for place, (ngram, count) in enumerate(counts.items()):
        code = zlib.crc32(ngram.encode("utf-8", "surrogatepass"))
        columns[place] = code % BUCKETS
        values[place] = (1 if code >> 31 else -1) * (1 + np.log(count))
    columns, where = np.unique(columns, return_inverse=True)
    return columns, np.bincount(where, values, len(columns)).astype(np.float32)


def weigh(
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    rarity: npt.NDArray[np.float16],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the features that the model knows, times their rarity, with a Euclidean length of 1.

    Args:
        columns: of `features`.
        values: of `features`.
        rarity: shape (BUCKETS,): the inverse document frequency; 0 where nothing was learned.
    """
    values = values * rarity[columns].astype(np.float32)
    known = values != 0
    columns, values = columns[known], values[known]
    return columns, values / max(float(np.linalg.norm(values)), 1e-12)


def pieces(text: str) -> list[str]:
    """Cut a text into words, single Chinese characters, emoji and marks; empty if only marks."""
    found = _PIECES.findall(unicodedata.normalize("NFKC", text).lower())
    found = [_NUMBER if piece.isdecimal() else piece.replace("’", "'") for piece in found]
    return found if any(piece not in _MARKS and ".." not in piece for piece in found) else []


def is_chinese(text: str) -> bool:
    """Tell whether a text reads as Chinese: a tenth of it is written in Chinese characters."""
    return len(_HAN.findall(text)) * 10 >= max(1, len(text))


_MARKS = frozenset("!?。,、~0")


def _ngrams(found: list[str]) -> Iterator[str]:
    for size in range(1, _WORDS + 1):
        for start in range(len(found) - size + 1):
            yield " ".join(found[start : start + size])
    for piece in found:
        if piece[0].isalpha() and len(piece) > 1:
            word = f"<{piece}>"
            for size in _PARTS:
                for start in range(len(word) - size + 1):
                    yield "_" + word[start : start + size]
