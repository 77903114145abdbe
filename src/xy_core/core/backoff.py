"""How long to wait before another attempt."""

from __future__ import annotations

import random


def full_jitter(attempt: int, first: float, longest: float) -> float:
    """Return seconds to wait after that many attempts: exponential backoff with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Args:
        attempt: how many attempts there have been, at least one.
        first: the longest wait after the first, in seconds.
        longest: the longest wait of all, in seconds.
    """
    doubled = first * 2.0 ** min(attempt - 1, 64)
    return random.uniform(0, min(longest, doubled))  # noqa: S311 - jitter is no secret
