"""What the image module tells everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xy_core.core.events import Event
from xy_core.modules.image.types import Pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageStep(Event):
    """A picture has come a step further.

    Attributes:
        request: which request, as its stream's task names it.
        done: steps that are done.
        total: steps that there are.
        preview: rough, small pictures of how far it is; empty in most steps.
    """

    topic: ClassVar[str] = "image.step"
    request: str
    done: int
    total: int
    preview: tuple[Pixels, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMade(Event):
    """A picture is ready; who asked for it has it.

    Attributes:
        request: which request.
        index: its number among those of its request, from 0.
        width: in pixels.
        height: in pixels.
        seed: makes it again; None if the engine does not tell.
        flagged: whether the safety checker took it away.
    """

    topic: ClassVar[str] = "image.made"
    request: str
    index: int
    width: int
    height: int
    seed: int | None
    flagged: bool
