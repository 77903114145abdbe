"""Sentences by the thousand out of ``patterns.tsv``, which was written for this project.

A pattern has slots, ``{this|that|}``: one choice of each makes a sentence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from math import prod

MOST = 30
"""Sentences of one pattern at most: more would only teach its words."""

_SLOT = re.compile(r"\{([^{}]*)\}")


def sentences(pattern: str) -> Iterator[str]:
    """Yield different sentences of a pattern: the same ones each time, as many as `MOST`."""
    slots = [found.split("|") for found in _SLOT.findall(pattern)]
    count = prod(map(len, slots))
    frame = _SLOT.sub("{}", pattern)
    dice = random.Random(pattern)  # noqa: S311 - no secret
    for number in dice.sample(range(count), min(count, MOST)):
        yield frame.format(*_choice(slots, number))


def _choice(slots: list[list[str]], number: int) -> Iterator[str]:
    for slot in slots:
        number, place = divmod(number, len(slot))
        yield slot[place]
