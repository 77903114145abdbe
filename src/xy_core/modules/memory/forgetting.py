"""Letting memories go: at a person's wish, and by the retention settings."""

from __future__ import annotations

import math
import time
from collections.abc import Collection

from xy_core.modules.memory.access import StoreAccess
from xy_core.modules.memory.config import MemoryConfig, RetentionConfig
from xy_core.modules.memory.lookup import Lookup
from xy_core.modules.memory.query import Span
from xy_core.modules.memory.types import Retention

_NAME = "memory.forget"
_DAY = 86_400.0


class Forgetting(Lookup):
    """What takes memories out of the store for good."""

    _access: StoreAccess
    config: MemoryConfig

    async def forget(self, person: str) -> int:
        """Delete everything of a person for good; returns how many memories it was."""
        forget = self._access.opened().forget
        return await self._access.of_person(person, forget, name=_NAME)

    async def forget_items(self, person: str, ids: Collection[int]) -> int:
        """Delete memories for good, and the facts that were taken from them.

        A fact goes with its history. Returns how many memories it was.
        """
        forget = self._access.opened().forget_items
        return await self._access.of_person(person, forget, ids, name=_NAME)

    async def forget_span(
        self, person: str, *, since: float = -math.inf, until: float = math.inf
    ) -> int:
        """Delete a span of time, in seconds since the epoch: memories, their facts, and moods."""
        forget = self._access.opened().forget_span
        return await self._access.of_person(person, forget, Span(since, until), name=_NAME)

    async def forget_moods(
        self, person: str, *, since: float = -math.inf, until: float = math.inf
    ) -> int:
        """Delete a person's timeline, or a span of it in seconds since the epoch; returns how much.

        What was said stays; `forget` deletes both.
        """
        forget = self._access.opened().forget_moods
        return await self._access.of_person(person, forget, Span(since, until), name=_NAME)

    async def tidy(self) -> int:
        """Let go what the retention settings do not keep; returns how many memories it was."""
        gone = 0
        retain = self._access.opened().retain
        for one in await self.people():
            config = self.config.retention_of.get(one.person, self.config.retention)
            policy = _policy(config, self.config.max_turns)
            gone += await self._access.of_person(
                one.person, retain, policy, time.time(), name=_NAME
            )
        return gone


def _policy(config: RetentionConfig, turns: int) -> Retention:
    seconds = None if config.days is None else config.days * _DAY
    return Retention(seconds, turns, config.facts)
