"""``/v1/images/generations`` and ``/v1/images/edits``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, File, Response
from fastapi.responses import JSONResponse

from xy_core.core.task import TaskPriority
from xy_core.modules.image import ImageRequest, ImageService
from xy_core.runtime import Runtime
from xy_core.server.config import ServerConfig
from xy_core.server.dependencies import ConfigOf, Priority, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.json_body import JsonRoute
from xy_core.server.media import decode_mask, decode_picture
from xy_core.server.openai.catalogue import find
from xy_core.server.openai.images_types import Edit, Generation, Images, Painting
from xy_core.server.openai.images_writer import ImagesWriter
from xy_core.server.openai.mood import in_mood
from xy_core.server.streaming import DOCUMENTED_STREAM, EventStream, begun

router = APIRouter(prefix="/v1/images", tags=["openai"], route_class=JsonRoute)
_STRENGTH = 0.75


@router.post("/generations", response_model=Images, responses=DOCUMENTED_STREAM)
async def create_image(
    body: Generation, runtime: RuntimeOf, config: ConfigOf, priority: Priority
) -> Response:
    """Paint pictures; as a stream of previews and pictures if ``stream`` is set."""
    wanted = _request(body, _prompt(body, runtime, config))
    return await _painted(
        wanted, body, "image_generation", runtime=runtime, config=config, priority=priority
    )


@router.post("/edits", response_model=Images, responses=DOCUMENTED_STREAM)
async def edit_image(
    body: Annotated[Edit, File(media_type="multipart/form-data")],
    runtime: RuntimeOf,
    config: ConfigOf,
    priority: Priority,
) -> Response:
    """Paint from a picture, or within a mask; otherwise as ``/v1/images/generations``."""
    given = body.first
    if given is None:
        raise ApiError(400, "send the picture as a file", "invalid_value", param="image")
    wanted = _request(body, _prompt(body, runtime, config))
    init = (await decode_picture(await given.read(), runtime)).pixels
    mask = await decode_mask(await body.mask.read(), runtime) if body.mask else None
    strength = _STRENGTH if body.strength is None else body.strength
    edited = replace(wanted, init=init, mask=mask, strength=strength)
    return await _painted(
        edited, body, "image_edit", runtime=runtime, config=config, priority=priority
    )


def _prompt(body: Painting, runtime: Runtime, config: ServerConfig) -> str:
    """Return what to paint, in which mood; checks that somebody paints."""
    named = body.model or runtime.engine.module(ImageService).config.model
    card = find(runtime, config.aliases, named, "image")
    return in_mood(body, card, runtime)


def _request(body: Painting, prompt: str) -> ImageRequest:
    width, height = body.sides
    return ImageRequest(
        prompt=prompt,
        negative=body.negative_prompt,
        width=width,
        height=height,
        steps=body.steps,
        guidance=body.guidance,
        seed=body.seed,
        count=body.n or 1,
    )


async def _painted(  # noqa: PLR0917 - what both endpoints have
    wanted: ImageRequest,
    body: Painting,
    kind: str,
    runtime: Runtime,
    config: ServerConfig,
    priority: TaskPriority,
) -> Response:
    # Whoever waits for words waits less than one who waits for a picture.
    urgency = min(priority, TaskPriority.MEDIUM)
    image = runtime.engine.module(ImageService)
    writer = ImagesWriter(body, wanted.prompt, runtime.engine.scheduler)
    if body.stream:
        events = await begun(writer.events(image.generate(wanted, priority=urgency), kind))
        return EventStream(events, ping_seconds=config.ping_seconds)
    return JSONResponse(await writer.whole(await image.paint(wanted, priority=urgency)))
