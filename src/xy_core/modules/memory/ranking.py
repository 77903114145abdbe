"""Brings what several searches found into one order.

Words and meaning are joined by a convex combination of their scores, which keeps how *much* better
one memory is than the next. Reciprocal rank fusion keeps only that it is better, and lets the best
of a search that found nothing to the point stand beside the best of one that did. See Bruch, Gai
and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42, 2023.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

WORDS = 0.2
SURE = 2
"""What words count beside meaning, and the power of their share: one word of three is found by
chance, all of three are not. Both were chosen on one half of the questions of ``xy-core bench
memory`` (`bench/memory_questions.py`), which reports the other half."""
MOOD = 0.1
RECENCY = 0.002
"""What is recent and what was felt alike comes first (Park et al., "Generative Agents", UIST 2023;
Bower, "Mood and memory", American Psychologist 36, 1981). Both only decide among memories that bear
on the query, so they weigh less than it."""


def rank(
    words: Mapping[int, float],
    meaning: Mapping[int, float] | None,
    felt: Collection[int] = (),
    unlike: float = 0.0,
) -> list[tuple[int, float]]:
    """Return ids with their scores, best first; of equals, the larger (newer) id first.

    Args:
        words: the share of the query's words that each memory has, the rarer the more, 0 to 1.
        meaning: the cosine of each memory with the query; None if that is not known.
        felt: the memories whose speaker felt as the one who asks.
        unlike: the cosine of texts that have nothing in common.
    """
    near, alike = meaning or {}, frozenset(felt)
    oldest_first = sorted(words.keys() | near.keys())
    scores: dict[int, float] = {}
    for place, memory_id in enumerate(oldest_first, 1):
        relevance = WORDS * words.get(memory_id, 0.0) ** SURE
        likeness = (near.get(memory_id, unlike) - unlike) / (1.0 - unlike)
        relevance += (1.0 - WORDS) * max(likeness, 0.0)
        mood = MOOD * (memory_id in alike)
        scores[memory_id] = relevance + mood + RECENCY * place / len(oldest_first)
    return sorted(scores.items(), key=lambda item: (item[1], item[0]), reverse=True)


def rarity(having: int, total: int) -> float:
    """Return what a word tells that `having` of `total` memories have.

    BM25's inverse document frequency as SQLite's FTS5 computes it, never below its 1e-6 (Robertson
    and Zaragoza, "The Probabilistic Relevance Framework", 2009).
    """
    return max(math.log((total - having + 0.5) / (having + 0.5)), 1e-6) if total > having else 1e-6
