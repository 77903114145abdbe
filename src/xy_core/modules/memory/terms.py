"""Makes Chinese and English findable by one full-text index.

SQLite's unicode61 tokenizer takes a run of Chinese characters for one word, and its trigram
tokenizer cannot find words of two characters, which most Chinese words have. So each Chinese
character is indexed as a word of its own, and a query asks for phrases: the words that jieba cuts
it into, or each pair of neighbours. What is indexed therefore never depends on a dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from xy_core.modules.memory.segment import Cut, pairs

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
_RUN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_MAX_QUERY = 20_000
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
    """Return an FTS5 expression that finds any term of the query; empty if it has none."""
    return any_of(query_terms(query))


def query_terms(query: str, cut: Cut = pairs) -> list[str]:
    """Return what to look for: words, and phrases of Chinese characters with spaces between.

    Every term consists of letters, digits and spaces only. Terms that almost every text has are
    left out, unless nothing else is there.

    Args:
        query: any text.
        cut: how Chinese is cut.
    """
    runs = _RUN.findall(query[:_MAX_QUERY])
    terms = list(dict.fromkeys(term for run in runs for term in _terms(run.lower(), cut)))
    return ([term for term in terms if not _common(term)] or terms)[:_MAX_TERMS]


def any_of(terms: Sequence[str]) -> str:
    """Return an FTS5 expression that finds any of the terms.

    Each is quoted, so that no query can reach FTS5's own syntax.
    """
    return " OR ".join(f'"{term}"' for term in terms)


def _terms(run: str, cut: Cut) -> list[str]:
    if not has_han(run):
        return [run]
    return [" ".join(word) for word in cut(run)]


def _common(term: str) -> bool:
    return term in _COMMON_WORDS or all(character in _COMMON_HAN for character in term.split())
