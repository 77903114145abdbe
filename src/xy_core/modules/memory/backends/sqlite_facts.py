"""Facts in the memory file: taken in, confirmed, superseded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from xy_core.modules.memory.backends.rows import SELECT, memory_of
from xy_core.modules.memory.facts import KnownFact, fold, judge, more_confident, topic
from xy_core.modules.memory.types import FACT, FORMER, FactDetails, FactDraft, Lesson, Memory

Insert = Callable[[Memory], int]
"""Writes a memory and returns its id."""
_KNOWN = """
    SELECT id, folded, topic, confidence FROM fact
    WHERE person = :person AND superseded IS NULL
        AND (folded = :folded OR (topic = :topic AND topic != ''))"""
_CONFIRM = "UPDATE fact SET confidence = ?, confirmed = max(confirmed, ?) WHERE id = ?"
_SUPERSEDE = "UPDATE fact SET superseded = ?, successor = ? WHERE id = ?"
_RETIRE = "UPDATE memory SET role = ?, vector = NULL WHERE id = ?"
_DETAILS = "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ONE = f"{SELECT} WHERE memory.person = ? AND memory.id = ? AND memory.role IN ('fact', 'former')"
_SUPERSEDED_BY = f"{SELECT} WHERE memory.person = ? AND fact.successor = ? ORDER BY memory.id DESC"


def learn(
    connection: sqlite3.Connection, lesson: Lesson, draft: FactDraft, insert: Insert
) -> tuple[Memory | None, tuple[int, ...]]:
    """Take one fact in; returns it if it is new, and the ids of those that hold no more."""
    given = {"person": lesson.person, "folded": fold(draft.text), "topic": topic(draft.topic)}
    known = [KnownFact(*row) for row in connection.execute(_KNOWN, given)]
    verdict = judge(draft, known)
    holds = verdict.confirms
    fresh = None
    if holds is None:
        fresh = _memory(lesson, draft)
        holds = insert(fresh)
        fresh = add_details(connection, fresh, holds)
    else:
        before = next(fact.confidence for fact in known if fact.id == holds)
        sure = more_confident(before, draft.confidence)
        connection.execute(_CONFIRM, (sure, lesson.time, holds))
    for former in verdict.supersedes:
        connection.execute(_SUPERSEDE, (lesson.time, holds, former))
        connection.execute(_RETIRE, (FORMER, former))
        connection.execute("DELETE FROM word WHERE rowid = ?", (former,))
    return fresh, verdict.supersedes


def add_details(connection: sqlite3.Connection, fact: Memory, memory_id: int) -> Memory:
    """Write what is known of a fact beside its words; returns it as it is stored."""
    about = fact.details or FactDetails(speaker=fact.person, confirmed=fact.time)
    row = (memory_id, fact.person, fold(fact.text), about.topic, about.confidence, about.speaker)
    times = (about.source, about.confirmed, about.superseded, about.successor)
    connection.execute(_DETAILS, row + times)
    return Memory(fact.role, fact.text, fact.person, fact.time, fact.emotion, memory_id, about)


def history(connection: sqlite3.Connection, person: str, fact_id: int) -> list[Memory]:
    """Return a fact and those that it superseded, newest first."""
    found = [memory_of(row) for row in connection.execute(_ONE, (person, fact_id))]
    for fact in found:  # grows while it is read
        earlier = connection.execute(_SUPERSEDED_BY, (person, fact.id)).fetchall()
        found += [memory_of(row) for row in earlier]
    return found


def _memory(lesson: Lesson, draft: FactDraft) -> Memory:
    details = FactDetails(
        topic(draft.topic), draft.confidence, lesson.speaker, lesson.source, lesson.time
    )
    return Memory(FACT, draft.text, lesson.person, lesson.time, lesson.emotion, 0, details)
