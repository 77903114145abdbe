"""Lends memory the language module's understanding of what texts mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from xy_core.core.engine import CoreEngine
from xy_core.core.errors import ModuleUnavailable
from xy_core.core.module import HealthStatus
from xy_core.core.module_runner import ModuleChanged
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService
from xy_core.modules.llm.types import Embeddings
from xy_core.modules.memory import MemoryService

_MODULES = {LLMService.name, MemoryService.name}


@asynccontextmanager
async def lent_embedder(engine: CoreEngine) -> AsyncIterator[None]:
    """Lend it while the block runs, if ``memory.embedding`` asks for it.

    Whenever one of the two modules is loaded anew, it is lent anew: if another model embeds then,
    memory embeds all it has once more, as LOW work.
    """

    async def changed(event: ModuleChanged) -> None:
        if event.module in _MODULES and event.status is HealthStatus.READY:
            await _lend(engine)

    stop = engine.bus.on(ModuleChanged, changed, name="agent.embedding")
    try:
        await _lend(engine)
        yield
    finally:
        stop()


async def _lend(engine: CoreEngine) -> None:
    try:
        memory, llm = engine.module(MemoryService), engine.module(LLMService)
    except ModuleUnavailable:
        return  # memory goes by words, and says so
    if not memory.borrows_embedder or llm.embedder is None:
        return

    async def embed(texts: Sequence[str], priority: TaskPriority) -> Embeddings:
        # The service of the moment: the module may have been loaded anew since.
        return await engine.module(LLMService).embed(texts, priority=priority)

    await memory.use_embedder(f"llm {llm.embedder}", embed)
