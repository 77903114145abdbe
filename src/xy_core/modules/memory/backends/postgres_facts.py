"""Memories and facts as PostgreSQL takes them in, and what came before a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from xy_core.modules.memory.backends.moods import mood_row
from xy_core.modules.memory.backends.postgres_connection import ids_of
from xy_core.modules.memory.backends.postgres_search import words_of
from xy_core.modules.memory.backends.rows import SELECT, memory_of, row_of
from xy_core.modules.memory.facts import KnownFact, fold, judge, more_confident, topic
from xy_core.modules.memory.types import (
    FACT,
    FORMER,
    FactDetails,
    FactDraft,
    Lesson,
    Memory,
    MoodPoint,
)

INSERT_MOOD = """
    INSERT INTO mood (
        person, time, emotion, intensity, valence, arousal, mood, sources, topic, crisis)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s"""
_INSERT = """
    INSERT INTO memory (role, text, person, time, emotion, english, words)
    VALUES (%s, %s, %s, %s, %s, %s, to_tsvector('english', %s)) RETURNING id"""
_INSERT_FACT = "INSERT INTO fact VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_KNOWN = """
    SELECT id, folded, topic, confidence FROM fact WHERE person = %s
        AND superseded IS NULL AND (folded = %s OR (topic = %s AND topic != ''))"""
_CONFIRM = "UPDATE fact SET confidence = %s, confirmed = greatest(confirmed, %s) WHERE id = %s"
_SUPERSEDE = "UPDATE fact SET superseded = %s, successor = %s WHERE id = %s"
_RETIRE = "UPDATE memory SET role = %s, vector = NULL WHERE id = %s"
_ONE = f"{SELECT} WHERE memory.person = %s AND fact.id = %s"
_EARLIER = f"{SELECT} WHERE memory.person = %s AND fact.successor = %s ORDER BY fact.id DESC"
_SAME = "SELECT id FROM memory WHERE person = %s AND time = %s AND role = %s AND text = %s"
_UNLESS_KNOWN = " WHERE NOT EXISTS (SELECT 1 FROM mood WHERE person = %s AND time = %s)"


def insert(connection: Any, memory: Memory) -> int:  # noqa: ANN401 - of an optional library
    """Write one memory; returns its id."""
    row = (*row_of(memory), words_of(memory.text))
    inserted: int = connection.execute(_INSERT, row).fetchone()[0]
    return inserted


def learn(connection: Any, lesson: Lesson, draft: FactDraft) -> Memory | None:  # noqa: ANN401 - as above
    """Take one fact in; returns it if it is new (see `Store.learn`)."""
    about = topic(draft.topic)
    rows = connection.execute(_KNOWN, (lesson.person, fold(draft.text), about))
    known = [KnownFact(*row) for row in rows.fetchall()]
    verdict = judge(draft, known)
    holds, fresh = verdict.confirms, None
    if holds is None:
        details = FactDetails(about, draft.confidence, lesson.speaker, lesson.source, lesson.time)
        made = Memory(FACT, draft.text, lesson.person, lesson.time, lesson.emotion)
        holds = insert(connection, made)
        fresh = replace(made, id=holds, details=details)
        _add_details(connection, fresh, holds)
    else:
        before = next(fact.confidence for fact in known if fact.id == holds)
        sure = more_confident(before, draft.confidence)
        connection.execute(_CONFIRM, (sure, lesson.time, holds))
    for former in verdict.supersedes:
        connection.execute(_SUPERSEDE, (lesson.time, holds, former))
        connection.execute(_RETIRE, (FORMER, former))
    return fresh


def history(connection: Any, person: str, fact_id: int) -> list[Memory]:  # noqa: ANN401 - as above
    """Return a fact and those that it superseded, newest first."""
    found = [memory_of(row) for row in connection.execute(_ONE, (person, fact_id))]
    for fact in found:  # grows while it is read
        rows = connection.execute(_EARLIER, (person, fact.id)).fetchall()
        found += [memory_of(row) for row in rows]
    return found


def restore(
    connection: Any,  # noqa: ANN401 - as above
    memories: Sequence[Memory],
    moods: Sequence[MoodPoint],
) -> int:
    """Write what is not there yet; returns how much that was (see `Store.restore`)."""
    ids: dict[int, int] = {}
    fresh: list[Memory] = []
    for memory in memories:
        same = (memory.person, memory.time, memory.role, memory.text)
        found = ids_of(connection, _SAME, same)
        if not found:
            fresh.append(memory)
        ids[memory.id] = found[0] if found else insert(connection, memory)
    for memory in fresh:
        if memory.details is not None:
            about = memory.details
            source, successor = ids.get(about.source or 0), ids.get(about.successor or 0)
            about = replace(about, source=source, successor=successor)
            _add_details(connection, replace(memory, details=about), ids[memory.id])
    written: int = sum(
        connection.execute(
            INSERT_MOOD + _UNLESS_KNOWN, (*mood_row(point), point.person, point.time)
        ).rowcount
        for point in moods
    )
    return len(fresh) + written


def _add_details(connection: Any, fact: Memory, memory_id: int) -> None:  # noqa: ANN401 - as above
    about = fact.details or FactDetails(speaker=fact.person, confirmed=fact.time)
    row = (memory_id, fact.person, fold(fact.text), about.topic, about.confidence)
    rest = (about.speaker, about.source, about.confirmed, about.superseded, about.successor)
    connection.execute(_INSERT_FACT, row + rest)
