"""Embeds what was written, while nobody waits for it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from functools import partial

from xy_core.core.errors import XyCoreError
from xy_core.core.task import TaskPriority
from xy_core.modules.memory.access import StoreAccess
from xy_core.modules.memory.background import Gathering, Note
from xy_core.modules.memory.embedding import Embedder, Role

_BATCH, _PIECE = 32, 4  # memories that are embedded at a time, while all is quiet and else
_LOW = TaskPriority.LOW


class EmbeddingWork:
    """Gives memories without a vector one, as LOW work.

    Recalls go before it: it waits until there was none for a while (see `Gathering`), and where
    they follow one another without a pause, it goes on in pieces that are small enough for a recall
    to wait for. By words everything is found at once.

    Attributes:
        embedder: what makes vectors; None: recall goes by words alone.
    """

    def __init__(self, access: StoreAccess, gathering: Gathering, note: Note) -> None:
        self.embedder: Embedder | None = None
        self._access = access
        self._gathering = gathering
        self._note = note
        self._some: asyncio.Queue[None] = asyncio.Queue(1)

    async def use(self, embedder: Embedder) -> None:
        """Embed by another from now on, and all memories anew if they were embedded otherwise."""
        self.embedder = None
        change = self._access.opened().use_embedder
        await self._access.call(change, embedder.name, name="memory.open")
        self.embedder = embedder
        self.soon()

    def recalling(self) -> AbstractContextManager[None]:
        """Say that somebody waits for a recall, while the block runs."""
        return self._gathering.disturbed()

    def soon(self) -> None:
        """Say that there may be memories to embed."""
        if self._some.empty():
            self._some.put_nowait(None)

    async def done(self) -> None:
        """Wait until all is embedded; it lingers no more meanwhile."""
        with self._gathering.hurried():
            await self._some.join()

    async def run(self) -> None:
        """Embed for ever."""
        while True:
            await self._some.get()
            try:
                await self._gathering.over()
                await self._embed_all()
            except XyCoreError as error:
                self._note("memories wait to be embedded", error)
            finally:
                self._some.task_done()

    async def _embed_all(self) -> None:
        while (embedder := self.embedder) is not None:
            store = self._access.opened()
            size = _BATCH if self._gathering.quiet else _PIECE
            read = partial(store.without_vector, size, english_only=embedder.english_only)
            waiting = await self._access.call(read, name="memory.read", priority=_LOW)
            if not waiting:
                return
            vectors = await embedder.embed([text for _, text in waiting], Role.PASSAGE, _LOW)
            if embedder is self.embedder:
                ids = [memory_id for memory_id, _ in waiting]
                await self._access.call(
                    store.set_vectors, ids, vectors, name="memory.write", priority=_LOW
                )
