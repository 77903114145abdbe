"""Taking memories elsewhere, and back in."""

from __future__ import annotations

from typing import Any

from xy_core.modules.memory.access import StoreAccess
from xy_core.modules.memory.background import Writer
from xy_core.modules.memory.embedding_work import EmbeddingWork
from xy_core.modules.memory.exchange import from_document, to_document
from xy_core.modules.memory.intake import person_name
from xy_core.modules.memory.lookup import Lookup
from xy_core.modules.memory.types import Memory, MoodPoint

_PAGE = 1_000


class Archive(Lookup):
    """What makes a document of memories, and memories of a document."""

    _access: StoreAccess
    _writer: Writer
    _embedding: EmbeddingWork

    async def export(self, person: str | None = None) -> dict[str, Any]:
        """Return all memories and moods, of one person or of everybody, as plain JSON types."""
        chosen = [person_name(person)] if person else [one.person for one in await self.people()]
        memories: list[Memory] = []
        moods: list[MoodPoint] = []
        for owner in chosen:
            memories += await self._all_of(owner)
            moods += await self.timeline(owner, limit=2**31)
        return await self._access.call(to_document, memories, moods, name="memory.export")

    async def import_document(self, content: str | bytes) -> int:
        """Take an export in; what is already there is passed over. Returns how much was new.

        Raises:
            InputError: it is no export, is damaged, or of a newer xy-core; then nothing changed.
        """
        memories, moods = await self._access.call(from_document, content, name="memory.import")
        await self._writer.written()
        restore = self._access.opened().restore
        count = await self._access.call(restore, memories, moods, name="memory.import")
        self._embedding.soon()
        return count

    async def _all_of(self, owner: str) -> list[Memory]:
        found: list[Memory] = []
        while page := await self.entries(
            owner, limit=_PAGE, before=found[-1].id if found else None
        ):
            found += page
        return found[::-1]
