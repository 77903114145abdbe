"""Which models make room for another one.

First go models for which nothing waits, then those whose next task is due last (Belády 1966: here
the queue tells the future). Among equals the least valuable goes, by frequency × reload time /
size, aged as in GreedyDual-Size with Frequency (Cherkasova 1998).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from xy_core.core.model import ModelState, Variant
from xy_core.core.resident import Resident

IDLE = math.inf
"""When a model is due for which nothing waits."""

Due = Callable[[str], float]
"""Tells when the next task of a model is due; the smaller, the sooner."""


def worth(resident: Resident) -> float:
    """Return what one more use of a model is worth: seconds of loading saved for each byte."""
    return resident.load_seconds / max(1, resident.size)


def fitting(wanted: Resident, residents: Iterable[Resident], room: int) -> Variant | None:
    """Return the best variant for which there is room beside the pinned models.

    Args:
        wanted: the model to come.
        residents: all models of the device.
        room: bytes of the device when it is empty, less what the first task needs.
    """
    pinned = sum(other.size for other in residents if other.spec.pinned and other is not wanted)
    return next(
        (variant for variant in wanted.variants if variant.device_bytes <= room - pinned), None
    )


def victims(
    wanted: Resident, residents: Iterable[Resident], missing: int, due: Due
) -> list[Resident] | None:
    """Choose which models go so that `missing` bytes come free; None if it cannot be done now.

    A model goes only if its next task is due no sooner than the wanted one's. Models of the wanted
    one's group go in any case.
    """
    mine = due(wanted.spec.name)
    loaded = [other for other in residents if other.lease is not None and other is not wanted]
    group = wanted.spec.group
    chosen = [other for other in loaded if group and other.spec.group == group]
    if any(
        due(other.spec.name) < mine or other.spec.pinned or other.state is not ModelState.READY
        for other in chosen
    ):
        return None
    missing -= sum(other.size for other in chosen)
    others = [
        (-when, other.value, number, other)
        for number, other in enumerate(loaded)
        if other not in chosen
        and not other.spec.pinned
        and other.state is ModelState.READY
        and (when := due(other.spec.name)) >= mine
    ]
    for _, _, _, other in sorted(others):
        if missing <= 0:
            break
        chosen.append(other)
        missing -= other.size
    return _without_needless(chosen, missing, group) if missing <= 0 else None


def _without_needless(chosen: list[Resident], missing: int, group: str) -> list[Resident]:
    """Spare what need not go after all since a larger one goes."""
    spare = -missing
    for other in list(chosen):
        in_group = bool(group) and other.spec.group == group
        if not in_group and other.size <= spare and len(chosen) > 1:
            chosen.remove(other)
            spare -= other.size
    return chosen
