"""How the devices of this machine could hold a model of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from xy_core.core.device import DeviceKind
from xy_core.core.errors import ModelError
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import CatalogueEntry, ModelStore, on_processor, plan_model


class Variant(BaseModel):
    """One form of a model: sizes in bytes, speed relative to its best form."""

    name: str
    device_bytes: int
    host_bytes: int
    speed: float


class Fit(BaseModel):
    """How one device could hold a model.

    Attributes:
        device: its name.
        room: bytes that models may take there.
        fits: whether the chosen form does.
        chosen: the best form that fits beside nothing else, or else the smallest.
        ladder: all forms, the best first.
        measured: whether the sizes come from the files rather than from the catalogue.
        problem: why it cannot be said.
    """

    device: str
    room: int
    fits: bool
    chosen: Variant | None
    ladder: list[Variant]
    measured: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Room:
    """A device, and what models may take of it, in bytes."""

    device: str
    size: int
    processor: bool


def rooms(scheduler: GlobalTaskScheduler) -> list[Room]:
    """Return the devices that answer."""
    return [
        Room(one.name, one.memory.total - one.memory.foreign, one.kind is DeviceKind.CPU)
        for one in scheduler.devices()
        if one.memory is not None
    ]


def fits(store: ModelStore, entry: CatalogueEntry, space: list[Room], tokens: int) -> list[Fit]:
    """Work out how each device could hold a model; reads the headers of its files.

    Args:
        store: where its files are, if they are here.
        entry: the model.
        space: the devices.
        tokens: context that a language model keeps.
    """
    return [_fit(store, entry, room, tokens) for room in space]


def _fit(store: ModelStore, entry: CatalogueEntry, room: Room, tokens: int) -> Fit:
    size = max(0, room.size)
    try:
        planned = plan_model(store, entry, room=size, n_ctx=tokens)
    except ModelError as error:
        return Fit(
            device=room.device,
            room=size,
            fits=False,
            chosen=None,
            ladder=[],
            measured=False,
            problem=str(error),
        )
    if room.processor:
        planned = on_processor(planned)
    chosen = planned.fitting(size)
    return Fit(
        device=room.device,
        room=size,
        fits=chosen.device_bytes + planned.working <= size,
        chosen=Variant.model_validate(chosen, from_attributes=True),
        ladder=[Variant.model_validate(one, from_attributes=True) for one in planned.variants],
        measured=planned.measured,
        problem="",
    )
