"""Memory services on real files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.modules.memory import MemoryConfig, MemoryService

OpenMemory = Callable[..., AbstractAsyncContextManager[MemoryService]]


@pytest.fixture
def open_memory(scheduler: GlobalTaskScheduler, tmp_path: Path) -> OpenMemory:
    """Open the same file each time; by words alone unless an embedder is asked for."""

    @asynccontextmanager
    async def run(store: ModelStore | None = None, **settings) -> AsyncIterator[MemoryService]:
        defaults = {"path": tmp_path / "memory.db", "embedding": None}
        resources = {} if store is None else {ModelStore: store}
        service = MemoryService(
            ModuleContext(scheduler, EventBus(), resources), MemoryConfig(**(defaults | settings))
        )
        try:
            await service.initialize()
            await service.start()
            yield service
        finally:
            await service.stop()

    return run
