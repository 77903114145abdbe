"""Looks, time and again, for memories that the retention settings do not keep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from xy_core.core.durable import DurableTasks
from xy_core.core.errors import DependencyError, XyCoreError
from xy_core.core.module import ModuleContext
from xy_core.core.periodic import PeriodicTasks
from xy_core.core.schedule import Every
from xy_core.core.task import TaskPriority
from xy_core.modules.memory.background import Note
from xy_core.modules.memory.config import MemoryConfig

_TASK = "memory.tidy"


class Retainer:
    """Has `tidy` run as a periodic task of the core, if any setting lets memories go by itself.

    The core records it in the journal: what was due while no program ran is made up for once.
    Programs that share one journal do it once, as only one of them can have it open.
    """

    def __init__(
        self,
        context: ModuleContext,
        config: MemoryConfig,
        tidy: Callable[[], Awaitable[int]],
        note: Note,
    ) -> None:
        self._context = context
        self._config = config
        self._tidy = tidy
        self._note = note
        self._durable: DurableTasks | None = None

    async def start(self) -> None:
        """Begin, if there is something to do."""
        policies = (self._config.retention, *self._config.retention_of.values())
        if all(policy.days is None and policy.facts is None for policy in policies):
            return
        try:
            durable = self._context.resource(DurableTasks)
            periodic = self._context.resource(PeriodicTasks)
            await durable.register(_TASK, self._run)
            self._durable = durable
            await periodic.add(
                _TASK, _TASK, Every(self._config.retention.interval), priority=TaskPriority.LOW
            )
        except DependencyError:
            return  # no engine, no periodic tasks: whoever runs the module alone calls `tidy`
        except XyCoreError as error:
            self._note("old memories are not let go by this program", error)

    async def stop(self) -> None:
        """Run no more; the schedule stays in the journal for the next program."""
        if self._durable is not None:
            self._durable.unregister(_TASK)
            self._durable = None

    async def _run(self) -> None:
        await self._tidy()
