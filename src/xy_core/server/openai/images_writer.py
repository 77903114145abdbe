"""Pictures as OpenAI's clients read them: all in one, or as events while they are painted."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from PIL import Image

from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.image import Generated, ImageEvent, Pixels, Step
from xy_core.server.errors import ApiError
from xy_core.server.openai.images_types import Format, Painting
from xy_core.server.streaming import named_event

_QUALITY = 90
"""Of jpeg and webp if the request does not say."""


class ImagesWriter:
    """Gives the pictures of one request their form.

    Args:
        body: the request.
        prompt: what was painted in the end.
        scheduler: turns pixels into files, off the loop.
    """

    def __init__(self, body: Painting, prompt: str, scheduler: GlobalTaskScheduler) -> None:
        self._format: Format = body.output_format or "png"
        given = body.output_compression
        self._quality = _QUALITY if given is None else given
        self._previews = body.partial_images or 0
        self._revised = prompt if prompt != body.prompt else None
        self._scheduler = scheduler
        self._created = int(time.time())

    async def whole(self, made: Sequence[Generated]) -> dict[str, Any]:
        """Return all pictures in one.

        Raises:
            ApiError: none may be shown.
        """
        _refuse_flagged(made)
        files = [await self._file(one.pixels) for one in made]
        return {
            "created": self._created,
            "background": "opaque",
            "output_format": self._format,
            "size": _size(made[0].pixels),
            "data": [
                {
                    "b64_json": file,
                    "revised_prompt": self._revised,
                    "seed": one.seed,
                    "flagged": one.flagged,
                }
                for file, one in zip(files, made, strict=True)
            ],
            "usage": None,
        }

    async def events(
        self, painting: TaskStream[ImageEvent], kind: str
    ) -> AsyncGenerator[bytes, None]:
        """Yield previews and pictures as they come; closing it ends the work.

        Args:
            painting: the work.
            kind: how OpenAI's events of it begin: ``image_generation`` or ``image_edit``.
        """
        sent = 0
        async with painting as events:
            async for event in events:
                match event:
                    case Step(done, total, preview) if preview and self._due(sent, done, total):
                        for pixels in preview:
                            yield await self._event(
                                f"{kind}.partial_image", pixels, partial_image_index=sent
                            )
                        sent += 1
                    case Generated(_, pixels, seed, flagged):
                        _refuse_flagged([event])
                        yield await self._event(
                            f"{kind}.completed", pixels, seed=seed, flagged=flagged, usage=None
                        )
                    case _:
                        pass

    def _due(self, sent: int, done: int, total: int) -> bool:
        """Whether it is time for a further preview: they are spread over all steps."""
        return sent < self._previews and done * (self._previews + 1) >= (sent + 1) * total

    async def _event(self, name: str, pixels: Pixels, **fields: object) -> bytes:
        body = {
            "type": name,
            "b64_json": await self._file(pixels),
            "created_at": self._created,
            "size": _size(pixels),
            "quality": "auto",
            "background": "opaque",
            "output_format": self._format,
        }
        return named_event(name, body | fields)

    async def _file(self, pixels: Pixels) -> str:
        return await self._scheduler.run(
            _encoded,
            pixels,
            self._format,
            self._quality,
            name="server.encode",
            task_type=TaskType.CPU_BOUND,
            priority=TaskPriority.MEDIUM,
        )


def _refuse_flagged(made: Sequence[Generated]) -> None:
    if all(one.flagged for one in made):
        raise ApiError(
            400,
            "the safety checker took every picture away: ask for something else",
            "content_policy_violation",
            param="prompt",
        )


def _size(pixels: Pixels) -> str:
    height, width, _ = pixels.shape
    return f"{width}x{height}"


def _encoded(pixels: Pixels, kind: str, quality: int) -> str:
    content = io.BytesIO()
    options = {} if kind == "png" else {"quality": max(1, quality)}
    Image.fromarray(pixels).save(content, kind.upper(), **options)
    return base64.b64encode(content.getvalue()).decode()
