"""``/v1/catalogue``: which models there are, how they would fit here, and fetching them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from xy_core.models import free_bytes
from xy_core.server.admin.fit import Fit, fits, rooms
from xy_core.server.admin.pulls import Pull, PullProgress, Pulls
from xy_core.server.dependencies import ConfigOf, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.streaming import DOCUMENTED_STREAM, EventStream, named_event

router = APIRouter(prefix="/v1/catalogue", tags=["admin"])


async def _pulls(connection: HTTPConnection) -> Pulls:
    pulls: Pulls = connection.app.state.pulls
    return pulls


PullsOf = Annotated[Pulls, Depends(_pulls)]
ModelId = Annotated[
    str, Path(min_length=1, max_length=80, description="The model's id in the catalogue.")
]


class CatalogueModel(BaseModel):
    """A model that can be had; sizes in bytes.

    Attributes:
        fits: how each device could hold it.
        pull: the last time that it was fetched, if it was.
    """

    id: str
    kind: str
    title: str
    licence: str
    licence_note: str
    languages: list[str]
    profiles: list[str]
    size: int
    ram_bytes: int
    vram_bytes: int
    installed: bool
    server: bool
    fits: list[Fit]
    pull: PullProgress | None


class Catalogue(BaseModel):
    """All models that can be had.

    Attributes:
        data: in the order of the catalogue.
        profile: the set of models that this program is configured for.
        folder: where models lie.
        disk_free: bytes that are left there.
    """

    data: list[CatalogueModel]
    profile: str
    folder: str
    disk_free: int


class PullCancelled(BaseModel):
    """Whether a pull was cancelled; False if none was under way."""

    cancelled: bool


class Removed(BaseModel):
    """Whether there was anything to delete."""

    removed: bool


@router.get("", response_model=Catalogue)
async def list_catalogue(
    runtime: RuntimeOf,
    pulls: PullsOf,
    profile: Annotated[str, Query(max_length=80, description="Only models of this set.")] = "",
) -> object:
    """List the models that can be had, and how they would fit on this machine."""
    store, settings = runtime.store, runtime.settings
    chosen = store.catalogue.profile(profile) if profile else store.catalogue.models
    space = rooms(runtime.engine.scheduler)
    tokens = settings.llm.context_tokens * settings.llm.slots

    def read() -> list[CatalogueModel]:
        return [
            CatalogueModel(
                **entry.model_dump(include=set(CatalogueModel.model_fields)),
                size=entry.size,
                installed=bool(entry.files) and store.installed(entry.id),
                server=not entry.files,
                fits=fits(store, entry, space, tokens) if entry.files else [],
                pull=None,
            )
            for entry in chosen
        ]

    found = await asyncio.to_thread(read)
    for model in found:
        pull = pulls.get(model.id)
        model.pull = None if pull is None else pull.progress()
    return {
        "data": found,
        "profile": settings.profile,
        "folder": str(store.root),
        "disk_free": await asyncio.to_thread(free_bytes, store.root),
    }


@router.post("/{model}/pull", response_model=PullProgress, status_code=202)
async def start_pull(model: ModelId, pulls: PullsOf) -> object:
    """Begin to fetch a model; one that is being fetched goes on, one that is here ends at once."""
    return pulls.start(model).progress()


@router.get("/{model}/pull", response_class=StreamingResponse, responses=DOCUMENTED_STREAM)
async def follow_pull(model: ModelId, pulls: PullsOf, config: ConfigOf) -> EventStream:
    """Stream a pull's progress; each event is named by its state, the last by how it ended."""
    return EventStream(_events(_known(pulls, model)), ping_seconds=config.ping_seconds)


@router.delete("/{model}/pull", response_model=PullCancelled)
async def cancel_pull(model: ModelId, pulls: PullsOf) -> object:
    """Give a pull up; what has come is kept for the next one."""
    return {"cancelled": _known(pulls, model).handle.cancel("cancelled by its user")}


@router.delete("/{model}", response_model=Removed)
async def remove_model(model: ModelId, runtime: RuntimeOf, pulls: PullsOf) -> object:
    """Delete a model's files from the disk; what is loaded stays until it is unloaded."""
    pull = pulls.get(model)
    if pull is not None and not pull.handle.done():
        raise ApiError(409, "the model is being fetched: cancel that first", "being_pulled")
    return {"removed": await runtime.store.remove(model)}


async def _events(pull: Pull) -> AsyncGenerator[bytes, None]:
    number = 0
    async with aclosing(pull.follow()) as steps:
        async for step in steps:
            yield named_event(step.state, step.model_dump(mode="json"), number)
            number += 1


def _known(pulls: Pulls, model: str) -> Pull:
    pull = pulls.get(model)
    if pull is None:
        raise ApiError(404, "this model is not being fetched", "pull_not_found", param="model")
    return pull
