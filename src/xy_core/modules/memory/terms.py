"""Makes Chinese and English findable by one full-text index.

SQLite's unicode61 tokenizer takes a run of Chinese characters for one word, and its trigram
tokenizer cannot find words of two characters, which most Chinese words have. So each Chinese
character is indexed as a word of its own, and a query asks for each pair of neighbours as a phrase.
"""

from __future__ import annotations

import re
from itertools import pairwise

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
_RUN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_MAX_TERMS = 64
"""Terms of one query; what follows in a long text adds little and costs time."""

# fmt: off
_COMMON_WORDS = frozenset({
    "a", "about", "am", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can",
    "could", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "him",
    "his", "how", "i", "if", "in", "is", "it", "its", "just", "ll", "m", "me", "my", "not",
    "of", "on", "or", "our", "re", "s", "she", "so", "t", "that", "the", "their", "them",
    "then", "there", "they", "this", "to", "too", "us", "ve", "was", "we", "were", "what",
    "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
})
# fmt: on
_COMMON_HAN = frozenset("的了是我你您他她它们什么怎吗呢吧啊呀在有和与就也都这那哪还很个不没会要")


def has_han(text: str) -> bool:
    """Say whether the text has Chinese characters."""
    return _HAN_CHARACTER.search(text) is not None


def index_text(text: str) -> str:
    """Return the text as it is given to the full-text index."""
    return _HAN_CHARACTER.sub(r" \g<0> ", text)


def match_expression(query: str) -> str:
    """Return an FTS5 expression that finds any term of the query; empty if it has none.

    Every term is quoted and consists of letters and digits only, so that no query can reach
    FTS5's own syntax. Terms that almost every text has are left out, unless nothing else is there.
    """
    terms = list(dict.fromkeys(term for run in _RUN.findall(query) for term in _terms(run.lower())))
    telling = [term for term in terms if not _common(term)] or terms
    return " OR ".join(f'"{term}"' for term in telling[:_MAX_TERMS])


def _terms(run: str) -> list[str]:
    """Return a word as it is, and Chinese characters as overlapping pairs."""
    if len(run) == 1 or not has_han(run):
        return [run]
    return [f"{first} {second}" for first, second in pairwise(run)]


def _common(term: str) -> bool:
    return term in _COMMON_WORDS or all(character in _COMMON_HAN for character in term.split())
