"""The timeline of moods inside the memory file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from xy_core.modules.memory.query import Span
from xy_core.modules.memory.types import MoodPoint

_COLUMNS = "person, time, emotion, intensity, valence, arousal, mood, sources, topic, crisis"
_INSERT = f"INSERT INTO mood ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours
_SELECT = f"""
    SELECT {_COLUMNS} FROM mood
    WHERE person = :person AND time >= :since AND time < :until AND crisis >= :crisis
    ORDER BY time DESC, id DESC LIMIT :limit"""  # noqa: S608 - names of our own
_INSERT_NEW = f"""
    INSERT INTO mood ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (
        SELECT 1 FROM mood WHERE person = ? AND time = ?)"""  # noqa: S608 - names of our own
_SURPLUS = """
    DELETE FROM mood WHERE id IN (
        SELECT id FROM mood WHERE person = ? ORDER BY time DESC, id DESC LIMIT -1 OFFSET ?)"""
_DELETE = "DELETE FROM mood WHERE person = ? AND time >= ? AND time < ?"


def add_moods(connection: sqlite3.Connection, points: Sequence[MoodPoint], most: int) -> None:
    """Write points, and let a person's oldest go when there are more than `most`."""
    connection.executemany(_INSERT, [mood_row(point) for point in points])
    for person in {point.person for point in points}:
        connection.execute(_SURPLUS, (person, most))


def insert_mood_if_new(connection: sqlite3.Connection, point: MoodPoint) -> int:
    """Write a point unless the person has one of that moment; returns how many were written."""
    return connection.execute(_INSERT_NEW, (*mood_row(point), point.person, point.time)).rowcount


def read_moods(
    connection: sqlite3.Connection, person: str, span: Span, *, limit: int, crisis: bool
) -> list[MoodPoint]:
    """Return the newest points of a span of time, oldest first; only those of crises if asked."""
    terms = {"person": person, "since": span.since, "until": span.until}
    rows = connection.execute(_SELECT, terms | {"limit": limit, "crisis": crisis}).fetchall()
    return [mood_point_of(row) for row in reversed(rows)]


def delete_moods(connection: sqlite3.Connection, person: str, span: Span) -> int:
    """Delete the points of a span of time; returns how many there were."""
    return connection.execute(_DELETE, (person, span.since, span.until)).rowcount


def mood_row(point: MoodPoint) -> tuple[object, ...]:
    """Return a point as a row of the table."""
    return (
        point.person,
        point.time,
        point.emotion,
        point.intensity,
        point.valence,
        point.arousal,
        json.dumps(dict(point.mood)),
        json.dumps(point.sources),
        point.topic,
        point.crisis,
    )


def mood_point_of(row: tuple[Any, ...]) -> MoodPoint:
    """Return the point that a row holds."""
    told = dict(zip(_COLUMNS.split(", "), row, strict=True))
    told["mood"] = json.loads(told["mood"])
    told["sources"] = tuple(json.loads(told["sources"]))
    told["crisis"] = bool(told["crisis"])
    return MoodPoint(**told)
