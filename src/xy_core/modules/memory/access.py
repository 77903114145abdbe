"""The way to the store: on the lane where its calls run, and after what was handed over before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from xy_core.core.errors import ModuleUnavailable
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.memory.background import Writer
from xy_core.modules.memory.intake import person_name
from xy_core.modules.memory.store import Store

T = TypeVar("T")


class StoreAccess:
    """Calls a store's methods as tasks; every part of the memory module shares one.

    Attributes:
        store: None while the module does not run.
    """

    def __init__(self, scheduler: GlobalTaskScheduler, writer: Writer, module: str) -> None:
        self.store: Store | None = None
        self._scheduler = scheduler
        self._writer = writer
        self._module = module

    def opened(self) -> Store:
        """Return the store.

        Raises:
            ModuleUnavailable: the module does not run.
        """
        if self.store is None:
            raise ModuleUnavailable(self._module, None)
        return self.store

    def call(
        self,
        fn: Callable[..., T],
        *args: Any,  # noqa: ANN401 - of any function
        name: str,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> Coroutine[Any, Any, T]:
        """Call a function where the store's calls run.

        Those that wait for a server hold up no processor.
        """
        lane = self.opened().lane
        if lane is TaskType.DEFAULT:
            return self._scheduler.run(asyncio.to_thread, fn, *args, name=name, priority=priority)
        return self._scheduler.run(fn, *args, name=name, task_type=lane, priority=priority)

    async def of_person(
        self,
        person: str,
        fn: Callable[..., T],
        *args: Any,  # noqa: ANN401 - as above
        name: str,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> T:
        """Call a store's function for a person, after what the person handed over before.

        Raises:
            InputError: the person does not fit.
        """
        owner = person_name(person)
        await self._writer.written(owner)
        return await self.call(fn, owner, *args, name=name, priority=priority)
