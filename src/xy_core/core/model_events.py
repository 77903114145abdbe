"""What the bus hears of models that come to devices and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from xy_core.core.events import Event
from xy_core.core.model import ModelMoved, ModelState


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStateChanged(Event):
    """A model came to a device, went, or could not come; see `ModelMoved`.

    Attributes:
        model: its name.
        device: where.
        state: what it is now.
        variant: how it is held; empty while it is not.
        degraded: whether that is less than its best variant.
        detail: why, if it failed.
    """

    topic: ClassVar[str] = "device.model_state_changed"
    model: str
    device: str
    state: ModelState
    variant: str
    degraded: bool
    detail: str

    @classmethod
    def of(cls, moved: ModelMoved) -> Self:
        """Return the event that tells of a move."""
        return cls(
            model=moved.model,
            device=moved.device,
            state=moved.state,
            variant=moved.variant,
            degraded=moved.degraded,
            detail=moved.detail,
        )
