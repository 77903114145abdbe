"""``/v1/memory``: what is remembered of a person."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from xy_core.modules.memory import Memory, MemoryService
from xy_core.runtime import Runtime
from xy_core.server.dependencies import RuntimeOf
from xy_core.server.json_body import JsonRoute

router = APIRouter(prefix="/v1/memory", tags=["agent"], route_class=JsonRoute)

Person = Annotated[str, Path(min_length=1, max_length=256, description="Whose memory it is.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


class FactRequest(BaseModel):
    """Something that stays true."""

    text: str = Field(min_length=1, max_length=10_000)


class Details(BaseModel):
    """What is known of a fact beside its words; times in seconds since the epoch."""

    topic: str
    confidence: float
    speaker: str
    source: int | None
    confirmed: float
    superseded: float | None
    successor: int | None


class Remembered(BaseModel):
    """One memory; its time in seconds since the epoch."""

    id: int
    role: str
    text: str
    time: float
    emotion: str | None
    details: Details | None = None
    score: float | None = None


class Memories(BaseModel):
    """Memories in order."""

    data: list[Remembered]


class Forgotten(BaseModel):
    """How many memories were deleted."""

    deleted: int


class Moods(BaseModel):
    """A person's moods, oldest first."""

    data: list[dict[str, object]]


@router.get("/{person}/recent", response_model=Memories)
async def recent(person: Person, runtime: RuntimeOf, limit: Limit = 20) -> object:
    """Return the newest messages, oldest first."""
    found = await memory_of(runtime).recent(person, limit)
    return {"data": [as_json(one) for one in found]}


@router.get("/{person}/search", response_model=Memories)
async def search(
    person: Person,
    runtime: RuntimeOf,
    *,
    query: Annotated[str, Query(min_length=1, max_length=1_000)],
    limit: Limit = 5,
    language: Annotated[str, Query(pattern="^[a-z]{2}$", description="Of the query.")] = "en",
    emotion: Annotated[
        str | None, Query(max_length=60, description="A mood whose memories come first.")
    ] = None,
) -> object:
    """Return what bears on a query, best first."""
    found = await memory_of(runtime).recall(
        person, query, limit=limit, language=language, emotion=emotion
    )
    return {"data": [as_json(one.memory) | {"score": round(one.score, 4)} for one in found]}


@router.get("/{person}/moods", response_model=Moods)
async def moods(person: Person, runtime: RuntimeOf, limit: Limit = 100) -> object:
    """Return the timeline of moods."""
    points = await memory_of(runtime).timeline(person, limit=limit)
    return {"data": [point.as_json() for point in points]}


@router.post("/{person}/facts", response_model=Remembered, status_code=201)
async def remember(person: Person, body: FactRequest, runtime: RuntimeOf) -> object:
    """Remember a fact."""
    memory = Memory("fact", body.text, person, time.time())
    await memory_of(runtime).remember_fact(person, body.text)
    return as_json(memory)


@router.delete("/{person}", response_model=Forgotten)
async def forget(person: Person, runtime: RuntimeOf) -> object:
    """Delete everything that is remembered of a person."""
    return {"deleted": await memory_of(runtime).forget(person)}


def memory_of(runtime: Runtime) -> MemoryService:
    """Return the memory module.

    Raises:
        ModuleUnavailable: it is not loaded, or failed.
    """
    return runtime.engine.module(MemoryService)


def as_json(memory: Memory) -> dict[str, object]:
    """Return a memory as `Remembered` has it."""
    told = memory.as_json()
    del told["person"]
    return told
