"""Which models fit on one device together, and which have to take turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from xy_core.core.model import Variant
from xy_core.models.plan import PlannedModel


@dataclass(frozen=True, slots=True)
class Placement:
    """How one model is held.

    Attributes:
        model: the model.
        variant: the form that is chosen.
        resident: whether it can stay beside those before it; else it comes when it is asked for,
            and others go.
    """

    model: PlannedModel
    variant: Variant
    resident: bool

    @property
    def on_device(self) -> bool:
        """Whether it needs the device at all."""
        return self.variant.device_bytes > 0


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """All models on one device.

    Attributes:
        memory: bytes of the device that may be used.
        placements: one a model, in the order of the profile.
    """

    memory: int
    placements: tuple[Placement, ...]

    @property
    def resident_bytes(self) -> int:
        """Bytes that the models which stay take together, without working memory."""
        return sum(place.variant.device_bytes for place in self.placements if place.resident)

    @property
    def host_bytes(self) -> int:
        """Bytes of the host's memory that all take if all are loaded."""
        return sum(place.variant.host_bytes for place in self.placements)


def plan_device(models: Iterable[PlannedModel], memory: int) -> DevicePlan:
    """Choose for each model its best form that fits, and who stays.

    A model gets the best form that fits alone: swapping models is cheaper than computing slowly.
    Those stay that fit beside the ones before them, with working memory for one computation at a
    time; a scheduler that sees what is asked for decides better later.
    """
    placements: list[Placement] = []
    taken = working = 0
    for model in models:
        variant = model.fitting(memory)
        needed = max(working, model.working if variant.device_bytes else 0)
        resident = 0 < variant.device_bytes <= memory - taken - needed
        if resident:
            taken, working = taken + variant.device_bytes, needed
        placements.append(Placement(model, variant, resident))
    return DevicePlan(memory, tuple(placements))


def on_processor(model: PlannedModel) -> PlannedModel:
    """Return the model as the processor holds it, whose memory is the host's."""
    last = model.variants[-1]
    return replace(model, variants=(Variant("full", last.host_bytes),), working=0)
