"""Brings the results of several searches into one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_K = 60
"""Dampens the lead of first ranks: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion
outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009."""


def fuse(rankings: Iterable[Sequence[int]]) -> list[tuple[int, float]]:
    """Return ids with their scores, best first; of equals, the larger (newer) id first.

    Args:
        rankings: ids, best first, as each search ordered them.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, memory_id in enumerate(ranking, 1):
            scores[memory_id] = scores.get(memory_id, 0.0) + 1 / (_K + rank)
    return sorted(scores.items(), key=lambda item: (item[1], item[0]), reverse=True)
