"""Brings the results of several searches into one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_K = 60
"""Dampens the lead of first ranks: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion
outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009."""

WORDS = MEANING = 1.0
MOOD = 0.5
RECENCY = 0.1
"""What each search counts. That what is recent and what was felt alike comes first is Park et al.,
"Generative Agents", UIST 2023, and Bower, "Mood and memory", American Psychologist 36, 1981; both
only decide among memories that bear on the query, so they weigh less than it."""


def fuse(
    rankings: Iterable[Sequence[int]], weights: Iterable[float] | None = None
) -> list[tuple[int, float]]:
    """Return ids with their scores, best first; of equals, the larger (newer) id first.

    Args:
        rankings: ids, best first, as each search ordered them.
        weights: how much each counts; all the same if not given.
    """
    several = list(rankings)
    scores: dict[int, float] = {}
    for ranking, weight in zip(several, weights or [1.0] * len(several), strict=True):
        for rank, memory_id in enumerate(ranking, 1):
            scores[memory_id] = scores.get(memory_id, 0.0) + weight / (_K + rank)
    return sorted(scores.items(), key=lambda item: (item[1], item[0]), reverse=True)
