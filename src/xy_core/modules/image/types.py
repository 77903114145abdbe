"""What goes into an image engine and what comes out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""RGB, (height, width, 3)."""
Mask = npt.NDArray[np.uint8]
"""(height, width): 255 is painted anew, 0 is kept."""
SchedulerName = Literal[
    "ddim", "pndm", "heun", "euler", "euler_a", "dpm++", "dpm++_karras", "unipc", "lcm"
]
"""Ways through the noise, by the names that people know."""
Offload = Literal["none", "model", "group", "host"]
"""See `DiffusersVariant`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRequest:
    """What is to be painted; what is None is taken from the configuration.

    Attributes:
        prompt: what the picture shows.
        negative: what it does not show.
        width: in pixels; that of `init` if there is one.
        height: in pixels; the same.
        steps: of denoising; more take longer and may look better.
        guidance: how closely the words are followed (classifier-free guidance scale).
        seed: of the first picture, each further one has the next; a new one each time if None.
        count: how many pictures.
        scheduler: the way through the noise.
        init: a picture to begin with.
        mask: which part of `init` is painted anew; all of it if None.
        strength: how far it may go from `init`: 0 not at all, 1 as if there were none.
    """

    prompt: str
    negative: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    count: int = 1
    scheduler: SchedulerName | None = None
    init: Pixels | None = None
    mask: Mask | None = None
    strength: float = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageJob:
    """A request that was checked and completed; see `ImageRequest` for what each part means."""

    prompt: str
    negative: str
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    count: int
    scheduler: SchedulerName
    init: Pixels | None
    mask: Mask | None
    strength: float

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return tuple((self.seed + index) % 2**32 for index in range(self.count))

    @property
    def kind(self) -> tuple[object, ...]:
        """Jobs can be computed together if theirs are equal."""
        mode = "words" if self.init is None else "picture" if self.mask is None else "mask"
        size = (self.width, self.height)
        return (mode, size, self.steps, self.guidance, self.scheduler, self.strength)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step of denoising is done.

    Attributes:
        done: how many are.
        total: how many there are.
        preview: a rough, small picture of how far it is, for each picture; empty in most steps.
    """

    done: int
    total: int
    preview: tuple[Pixels, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """A picture that is ready.

    Attributes:
        index: its number among those of its request, from 0.
        pixels: the picture; black if it was flagged.
        seed: makes it again; None if the engine does not tell.
        flagged: whether the safety checker took it away.
    """

    index: int
    pixels: Pixels
    seed: int | None
    flagged: bool = False


ImageEvent = Step | Generated


class ImageEngine(Protocol):
    """An engine on this machine; its methods block, one call at a time."""

    def load(self, device: str, offload: Offload) -> None:
        """Bring the model; harmless when it is there.

        Args:
            device: as the scheduler names it.
            offload: how it is held.

        Raises:
            MissingExtraError: the engine's library is not installed.
            BackendError: the files are damaged, or it cannot run on that device.
            ConfigError: the safety checker is on, and the model has none.
            OutOfDeviceMemory: it does not fit.
        """

    def generate(self, emit: Callable[[ImageEvent], None], job: ImageJob) -> None:
        """Paint, handing each step and then each picture to `emit`.

        Gives way between steps, stops there as soon as the task is cancelled or `emit` raises,
        and passes the error on.

        Raises:
            BackendError: the engine failed.
            OutOfDeviceMemory: it does not fit.
        """

    def paint(self, jobs: Sequence[ImageJob]) -> list[tuple[Generated, ...]]:
        """Paint several jobs of one kind in one run; otherwise like `generate`."""

    def close(self) -> None:
        """Give the memory back; harmless when nothing is loaded."""


class RemoteImageEngine(Protocol):
    """An engine on another machine."""

    def generate(self, job: ImageJob) -> AsyncGenerator[ImageEvent, None]:
        """Paint; closing the generator ends the request.

        Raises:
            BackendError: it cannot be reached, refuses, is too slow, or answers what is no picture.
        """

    async def close(self) -> None:
        """Close its connections."""
