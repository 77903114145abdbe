"""``/v1/memory``: looking through what is remembered, correcting, forgetting, taking it along."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from xy_core.core.errors import InputError
from xy_core.server.agent.memory import (
    Forgotten,
    Limit,
    Memories,
    Person,
    Remembered,
    as_json,
    memory_of,
)
from xy_core.server.dependencies import RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.json_body import JsonRoute

router = APIRouter(prefix="/v1/memory", tags=["agent"], route_class=JsonRoute)

Role = Literal["user", "assistant", "fact", "former"]
ItemId = Annotated[int, Path(ge=1, lt=2**62, description="The memory's number.")]
Since = Annotated[
    float | None,
    Query(ge=-1e12, le=1e12, allow_inf_nan=False, description="Seconds since the epoch; included."),
]
Until = Annotated[
    float | None,
    Query(ge=-1e12, le=1e12, allow_inf_nan=False, description="The same; not included."),
]


class PersonSummary(BaseModel):
    """How much is remembered of a person; time in seconds since the epoch."""

    person: str
    turns: int
    facts: int
    moods: int
    last: float


class People(BaseModel):
    """All persons of whom something is remembered."""

    data: list[PersonSummary]


class Correction(BaseModel):
    """What is true instead."""

    text: str = Field(min_length=1, max_length=10_000)


class Corrected(BaseModel):
    """The fact as it holds now; null if it was known already."""

    fact: Remembered | None


class Origin(BaseModel):
    """A memory, the turn that it was taken from, and the facts that it superseded."""

    memory: Remembered
    source: Remembered | None
    history: list[Remembered]


class Export(BaseModel):
    """A document that ``xy-core memory import`` reads."""

    format: Literal["xy-core.memory"]
    version: int
    memories: list[dict[str, Any]]
    moods: list[dict[str, Any]]


@router.get("", response_model=People)
async def people(runtime: RuntimeOf) -> object:
    """List the persons of whom something is remembered, by name."""
    found = await memory_of(runtime).people()
    return {"data": [PersonSummary.model_validate(one, from_attributes=True) for one in found]}


@router.get("/{person}/entries", response_model=Memories)
async def entries(
    person: Person,
    runtime: RuntimeOf,
    *,
    role: Annotated[list[Role] | None, Query(max_length=4, description="All if not given.")] = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[
        int | None, Query(ge=1, lt=2**62, description="The last id of the page before.")
    ] = None,
    limit: Limit = 50,
) -> object:
    """Return memories page by page, newest first."""
    found = await memory_of(runtime).entries(
        person,
        roles=tuple(role or ("user", "assistant", "fact", "former")),
        since=-math.inf if since is None else since,
        until=math.inf if until is None else until,
        before=before,
        limit=limit,
    )
    return {"data": [as_json(one) for one in found]}


@router.get("/{person}/entries/{item}", response_model=Origin)
async def entry(person: Person, item: ItemId, runtime: RuntimeOf) -> object:
    """Return one memory with where it comes from."""
    memory = memory_of(runtime)
    found = await memory.entry(person, item)
    if found is None:
        raise _unknown()
    source = None
    if found.details is not None and found.details.source is not None:
        source = await memory.entry(person, found.details.source)
    history = await memory.history(person, item)
    return {
        "memory": as_json(found),
        "source": source and as_json(source),
        "history": [as_json(one) for one in history if one.id != item],
    }


@router.put("/{person}/entries/{item}", response_model=Corrected)
async def correct(person: Person, item: ItemId, body: Correction, runtime: RuntimeOf) -> object:
    """Correct a fact; the wrong words are deleted for good. What was said is not changed."""
    memory = memory_of(runtime)
    if await memory.entry(person, item) is None:
        raise _unknown()
    if not body.text.strip():
        raise InputError("the correction is blank: to delete the fact, forget it")
    fact = await memory.correct(person, item, body.text)
    return {"fact": fact and as_json(fact)}


@router.delete("/{person}/entries/{item}", response_model=Forgotten)
async def forget_item(person: Person, item: ItemId, runtime: RuntimeOf) -> object:
    """Delete one memory for good, and the facts that were taken from it."""
    deleted = await memory_of(runtime).forget_items(person, [item])
    if not deleted:
        raise _unknown()
    return {"deleted": deleted}


@router.delete("/{person}/entries", response_model=Forgotten)
async def forget_span(
    person: Person, runtime: RuntimeOf, since: Since = None, until: Until = None
) -> object:
    """Delete a span of time for good: memories, the facts taken from them, and moods."""
    if since is None and until is None:
        raise InputError("give since, until or both: to delete everything, forget the person")
    deleted = await memory_of(runtime).forget_span(
        person,
        since=-math.inf if since is None else since,
        until=math.inf if until is None else until,
    )
    return {"deleted": deleted}


@router.get("/{person}/export", response_model=Export)
async def export(person: Person, runtime: RuntimeOf) -> Response:
    """Return everything of a person as one document."""
    document = await memory_of(runtime).export(person)
    return Response(
        await asyncio.to_thread(json.dumps, document, ensure_ascii=False, indent=1),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="xy-core-memory.json"'},
    )


def _unknown() -> ApiError:
    return ApiError(404, "there is no such memory of this person", "memory_not_found", param="item")
