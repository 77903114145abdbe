"""What the scheduler knows of a model: its sizes, and how it comes and goes."""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from xy_core.core.errors import InvalidTaskError

M = TypeVar("M")


class ModelState(enum.StrEnum):
    """Where a model is, as seen from one device."""

    COLD = "cold"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    UNLOADING = "unloading"
    SWAPPED = "swapped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to hold a model: all of it on the device, a part, or none.

    Attributes:
        name: ``full``, ``partial-20``, ``host``, …
        device_bytes: what it takes of the device while it is loaded, in bytes.
        speed: how fast it computes, relative to the first variant.
        host_bytes: what it takes of the host's memory meanwhile, in bytes.
    """

    name: str
    device_bytes: int
    speed: float = 1.0
    host_bytes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec(Generic[M]):
    """A model that device tasks can ask for by name.

    Attributes:
        name: unique among the models of a scheduler.
        variants: the best first; the first that fits is taken.
        load: called with the device's name and the variant; a plain function runs on the
            device's loading thread, a coroutine function on the loop. Raises `OutOfDeviceMemory`
            if the memory did not suffice after all.
        unload: frees all that the loaded model holds, in the same way.
        pinned: whether it stays once it is loaded.
        together: tasks that it computes on one slot of the device, as an engine does that takes
            them in one batch; the others wait. None: each task takes a slot of its own.
        group: of all models with the same group, only one is loaded at a time; empty for none.
        measure: tells how many bytes of the device a loaded model really takes; the variant's
            figure counts if not given.
        swap_out: moves a loaded model from the device into host RAM, if the library can; tried
            before `unload`, as long as there is host memory for it.
        swap_in: brings a swapped model back; called with the model and the device's name.
    """

    name: str
    variants: tuple[Variant, ...]
    load: Callable[[str, Variant], M] | Callable[[str, Variant], Coroutine[Any, Any, M]]
    unload: Callable[[M], object] | Callable[[M], Coroutine[Any, Any, object]]
    pinned: bool = False
    together: int | None = None
    group: str = ""
    measure: Callable[[M], int] | None = None
    swap_out: Callable[[M], object] | Callable[[M], Coroutine[Any, Any, object]] | None = None
    swap_in: Callable[[M, str], object] | Callable[[M, str], Coroutine[Any, Any, object]] | None = (
        None
    )

    def __post_init__(self) -> None:
        if not self.variants or any(variant.device_bytes < 0 for variant in self.variants):
            raise InvalidTaskError(
                f"model {self.name!r} needs at least one variant, and none of negative size"
            )
        if self.together is not None and self.together < 1:
            raise InvalidTaskError(f"model {self.name!r} must compute at least one task at a time")
        if (self.swap_out is None) != (self.swap_in is None):
            raise InvalidTaskError(f"model {self.name!r} needs swap_out and swap_in, or neither")


@dataclass(frozen=True, slots=True)
class ModelMoved:
    """A model came, went, or could not come.

    Attributes:
        model: its name.
        device: where.
        state: what it is now.
        variant: how it is held; empty while it is not.
        degraded: whether that is less than its best variant.
        detail: why, if it failed.
    """

    model: str
    device: str
    state: ModelState
    variant: str = ""
    degraded: bool = False
    detail: str = ""
