"""Memories as a JSON document, to take them elsewhere and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xy_core.core.errors import InputError
from xy_core.modules.memory.intake import storable
from xy_core.modules.memory.types import FACT, FORMER, FactDetails, Memory, MoodPoint

FORMAT = "xy-core.memory"
VERSION = 1
_MOST_TEXT = 1_000_000
_MOST_BYTES = 512 << 20

Moment = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Signed = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Word = Annotated[str, Field(max_length=60)]
Number = Annotated[int, Field(ge=1, lt=2**62)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Details(_Strict):
    topic: Word = ""
    confidence: Share = 1.0
    speaker: Name
    source: Number | None = None
    confirmed: Moment = 0.0
    superseded: Moment | None = None
    successor: Number | None = None


class _Memory(_Strict):
    id: Number
    role: Literal["user", "assistant", "fact", "former"]
    text: Annotated[str, Field(min_length=1, max_length=_MOST_TEXT)]
    person: Name
    time: Moment
    emotion: Word | None = None
    details: _Details | None = None


class _Mood(_Strict):
    person: Name
    time: Moment
    emotion: Word
    intensity: Share
    valence: Signed
    arousal: Signed
    mood: Annotated[dict[Word, Share], Field(max_length=32)]
    sources: Annotated[list[Word], Field(max_length=16)] = []
    topic: Annotated[str, Field(max_length=_MOST_TEXT)] = ""
    crisis: bool = False


class _Document(_Strict):
    format: Literal["xy-core.memory"]
    version: int
    memories: list[_Memory] = []
    moods: list[_Mood] = []


def to_document(memories: Sequence[Memory], moods: Sequence[MoodPoint]) -> dict[str, Any]:
    """Return memories as plain JSON types.

    Ids are numbered anew from 1, so that an export of an import is the same document.
    """
    numbers = {memory.id: number for number, memory in enumerate(memories, 1)}
    told = [_renumbered(memory, numbers).as_json() for memory in memories]
    points = [{"person": point.person} | point.as_json() for point in moods]
    return {"format": FORMAT, "version": VERSION, "memories": told, "moods": points}


def from_document(content: str | bytes) -> tuple[list[Memory], list[MoodPoint]]:
    """Return what an export holds, after checking all of it.

    Raises:
        InputError: it is no such document, is damaged, or of a newer xy-core.
    """
    if len(content) > _MOST_BYTES:
        raise InputError(f"an export has at most {_MOST_BYTES >> 20} MiB: give it in parts")
    try:
        version = _peek(content)
        if version > VERSION:
            raise InputError(
                f"the export is of a newer xy-core (version {version}, here {VERSION})"
            )
        document = _Document.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"not an export of memories: {where or 'text'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not an export of memories: {error}") from error
    ids = [memory.id for memory in document.memories]
    if len(set(ids)) < len(ids):
        raise InputError("not an export of memories: two memories have the same id")
    return (
        [_memory(memory) for memory in document.memories],
        [_mood(point) for point in document.moods],
    )


def _peek(content: str | bytes) -> int:
    """Read the version before the rest, which a newer one may have changed."""
    told = json.loads(content)
    version = told.get("version") if isinstance(told, dict) else None
    return version if isinstance(version, int) and told.get("format") == FORMAT else 0


def _renumbered(memory: Memory, numbers: dict[int, int]) -> Memory:
    details = memory.details
    if details is not None:
        details = replace(
            details,
            source=numbers.get(details.source or 0),
            successor=numbers.get(details.successor or 0),
        )
    return replace(memory, id=numbers[memory.id], details=details)


def _memory(told: _Memory) -> Memory:
    details = None
    if told.role in {FACT, FORMER}:
        known = told.details or _Details(speaker=told.person, confirmed=told.time)
        details = FactDetails(**known.model_dump())
    text, person = storable(told.text), storable(told.person).strip()
    return Memory(told.role, text, person, told.time, told.emotion, told.id, details)


def _mood(told: _Mood) -> MoodPoint:
    plain = told.model_dump() | {"sources": tuple(told.sources), "topic": storable(told.topic)}
    return MoodPoint(**plain | {"person": storable(told.person).strip()})
