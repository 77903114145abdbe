"""Memories as rows, the same in every database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xy_core.modules.memory.terms import has_han
from xy_core.modules.memory.types import FACT, FORMER, FactDetails, Memory

COLUMNS = """memory.id, memory.role, memory.text, memory.person, memory.time, memory.emotion,
    fact.topic, fact.confidence, fact.speaker, fact.source, fact.confirmed, fact.superseded,
    fact.successor"""
SELECT = f"SELECT {COLUMNS} FROM memory LEFT JOIN fact ON fact.id = memory.id"  # noqa: S608 - ours


def memory_of(row: Sequence[Any]) -> Memory:
    """Return what a row of `SELECT` holds."""
    memory_id, role, text, person, time, emotion, *about = row
    details = FactDetails(*about) if role in {FACT, FORMER} and about[0] is not None else None
    return Memory(role, text, person, time, emotion, memory_id, details)


def row_of(memory: Memory) -> tuple[object, ...]:
    """Return role, text, person, time, emotion, and whether an English embedder may take it."""
    english = not has_han(memory.text)
    return memory.role, memory.text, memory.person, memory.time, memory.emotion, english
