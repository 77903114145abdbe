"""Which models make room for another one.

First go models for which nothing waits, then those whose next task is due last (Belády 1966: here
the queue tells the future). Among equals the least valuable goes, by frequency × reload time /
size, aged as in GreedyDual-Size with Frequency (Cherkasova 1998).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xy_core.core.model import ModelState, Variant
from xy_core.core.resident import Resident

IDLE = math.inf
"""When a model is due for which nothing waits."""


@dataclass(frozen=True, slots=True)
class Claim:
    """How urgently room is wanted; all moments are ranks of `ReadyQueue`.

    Attributes:
        limit: only models that are due no sooner may go for it.
        due: tells when the next task of a model is due.
    """

    limit: float
    due: Callable[[str], float]


def worth(resident: Resident) -> float:
    """Return what one more use of a model is worth: seconds of loading saved for each byte."""
    return resident.load_seconds / max(1, resident.size)


def pinned(residents: Iterable[Resident], spared: Resident | None) -> int:
    """Return how many bytes can never come free: those of pinned models, but for one."""
    return sum(other.size for other in residents if other.spec.pinned and other is not spared)


def fitting(wanted: Resident, room: int) -> Variant | None:
    """Return the best variant that takes at most that many bytes."""
    return next((variant for variant in wanted.variants if variant.device_bytes <= room), None)


def victims(
    wanted: Resident | None, residents: Iterable[Resident], missing: int, claim: Claim
) -> list[Resident] | None:
    """Choose which models go so that `missing` bytes come free; None if it cannot be done now.

    Args:
        wanted: the model for which room is made; it stays, but those of its group go in any case.
        residents: all models of the device.
        missing: bytes that are to come free.
        claim: which models may go.
    """
    group = "" if wanted is None else wanted.spec.group
    loaded = [other for other in residents if other.lease is not None and other is not wanted]
    chosen = [other for other in loaded if group and other.spec.group == group]
    if not all(_may_go(other, claim) for other in chosen):
        return None
    missing -= sum(other.size for other in chosen)
    others = [
        (-claim.due(other.spec.name), other.value, number, other)
        for number, other in enumerate(loaded)
        if other not in chosen and _may_go(other, claim)
    ]
    going: list[Resident] = []
    for *_, other in sorted(others):
        if missing <= 0:
            break
        going.append(other)
        missing -= other.size
    return None if missing > 0 else chosen + _without_needless(going, -missing)


def _may_go(resident: Resident, claim: Claim) -> bool:
    return (
        resident.state is ModelState.READY
        and not resident.spec.pinned
        and claim.due(resident.spec.name) >= claim.limit
    )


def _without_needless(going: list[Resident], spare: int) -> list[Resident]:
    """Spare what need not go after all since a larger one goes."""
    needed = []
    for other in going:
        if other.size <= spare:
            spare -= other.size
        else:
            needed.append(other)
    return needed
