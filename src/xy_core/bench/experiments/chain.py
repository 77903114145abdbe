"""A request as a chain of parts: what each computes with, and how it is called directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Place = Literal["processor", "device", "network"]


@dataclass(slots=True)
class Turn:
    """One request on its way.

    Attributes:
        number: which request of the run it is; negative while warming up.
        found: what its parts have found so far, by part.
    """

    number: int
    found: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a request.

    Attributes:
        name: ``hear``, ``see``, ``think``, ``speak``, ``draw``.
        place: the resource that the report's table 1 gives it.
        work: does it; blocks, and may be called on any thread.
        wait: seconds that a server on the network takes beside.
    """

    name: str
    place: Place
    work: Callable[[Turn], object]
    wait: float = 0.0


Chain = tuple[tuple[Part, ...], ...]
"""Stages, one after the other; the parts of a stage may run side by side."""


def parts_of(chain: Chain) -> Iterator[Part]:
    """Yield all parts in order."""
    for stage in chain:
        yield from stage
