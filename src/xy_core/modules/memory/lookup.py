"""Reading what is remembered, as it is."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial

from xy_core.core.task import TaskPriority
from xy_core.modules.memory.access import StoreAccess
from xy_core.modules.memory.background import Writer
from xy_core.modules.memory.query import Filter, Span
from xy_core.modules.memory.types import FACT, ROLES, Memory, MoodPoint, PersonSummary


class Lookup:
    """What the memory module lets others look through."""

    _access: StoreAccess
    _writer: Writer

    async def recent(
        self, person: str, limit: int, *, priority: TaskPriority = TaskPriority.HIGH
    ) -> list[Memory]:
        """Return a person's newest turns, oldest first: the short-term memory."""
        recent = self._access.opened().recent
        return await self._access.of_person(
            person, recent, max(limit, 0), name="memory.recent", priority=priority
        )

    async def timeline(
        self,
        person: str,
        *,
        since: float = -math.inf,
        until: float = math.inf,
        limit: int = 1_000,
        crisis: bool = False,
    ) -> list[MoodPoint]:
        """Return a person's moods, oldest first.

        Args:
            person: whose.
            since: seconds since the epoch; included.
            until: the same; not included.
            limit: the newest of them at most.
            crisis: only moments with a sign of self-harm.
        """
        read = partial(self._access.opened().moods, limit=limit, crisis=crisis)
        return await self._access.of_person(person, read, Span(since, until), name="memory.moods")

    async def people(self) -> list[PersonSummary]:
        """Return all persons of whom something is remembered, by name."""
        await self._writer.written()
        return await self._access.call(self._access.opened().people, name="memory.people")

    async def entries(
        self,
        person: str,
        *,
        roles: Collection[str] = ROLES,
        since: float = -math.inf,
        until: float = math.inf,
        limit: int = 50,
        before: int | None = None,
    ) -> list[Memory]:
        """Return a person's memories, newest first.

        Args:
            person: whose.
            roles: ``user``, ``assistant``, ``fact``, ``former`` (facts that hold no more).
            since: seconds since the epoch; included.
            until: the same; not included.
            limit: how many at most.
            before: the id of the last memory of the page before.
        """
        which = Filter(roles, Span(since, until), max(limit, 0), before)
        entries = self._access.opened().entries
        return await self._access.of_person(person, entries, which, name="memory.entries")

    async def entry(self, person: str, memory_id: int) -> Memory | None:
        """Return one memory, if there is one of that id and it is this person's."""
        entry = self._access.opened().entry
        return await self._access.of_person(person, entry, memory_id, name="memory.entry")

    async def facts(self, person: str, *, limit: int = 50) -> list[Memory]:
        """Return the facts that hold, newest first; their `details` tell who said it, and when."""
        return await self.entries(person, roles=(FACT,), limit=limit)

    async def history(self, person: str, fact_id: int) -> list[Memory]:
        """Return a fact and those that it superseded, newest first; empty if there is no such."""
        history = self._access.opened().history
        return await self._access.of_person(person, history, fact_id, name="memory.history")
