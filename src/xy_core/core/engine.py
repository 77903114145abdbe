"""The CoreEngine: loads modules, watches them, and stops everything in bounded time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from pydantic import BaseModel

from xy_core.core.config import EngineConfig, JournalConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.entry_points import (
    AnyModule,
    LoadingOrder,
    dependants,
    installed_modules,
    with_requirements,
)
from xy_core.core.errors import JournalError, ModuleError, ModuleUnavailable
from xy_core.core.events import EventBus
from xy_core.core.health import EngineReport, ModuleReport
from xy_core.core.histogram import Quantiles
from xy_core.core.journal import Journal
from xy_core.core.journal_store import JournalStore
from xy_core.core.model import ModelMoved
from xy_core.core.model_events import ModelStateChanged
from xy_core.core.module import HealthStatus, Module, ModuleHealth
from xy_core.core.module_runner import ModuleChanged, ModuleRunner, reason
from xy_core.core.periodic import PeriodicTasks
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.supervision import Supervisor
from xy_core.core.usage import ModuleUsage
from xy_core.core.watchdog import LoopWatchdog

log = structlog.get_logger("engine")

__all__ = ["CoreEngine", "ModuleChanged", "installed_modules"]

ModuleT = TypeVar("ModuleT", bound=AnyModule)


class CoreEngine:
    """Owns the scheduler, the bus and the modules of one program.

    A module that fails leaves the others running: it is listed as failed in `health`, with the
    reason. One that fails while it runs (its `health` says so, or it calls `report_failure`) is
    restarted with its dependants; if that helps too seldom, it stays down. Use it as
    ``async with CoreEngine(...) as engine``.

    Attributes:
        scheduler: runs every task.
        bus: carries every event.
        durable: durable tasks; modules find it by its type among their resources.
        periodic: periodic tasks; the same.
    """

    def __init__(
        self,
        *,
        scheduler: GlobalTaskScheduler,
        bus: EventBus,
        sections: Mapping[str, BaseModel | Mapping[str, Any]],
        resources: Mapping[type, object] | None = None,
        config: EngineConfig | None = None,
        journal: JournalConfig | None = None,
        store: JournalStore | None = None,
        watchdog: LoopWatchdog | None = None,
    ) -> None:
        """Put an engine together.

        Args:
            scheduler: not yet started.
            bus: the event bus.
            sections: configuration by module name: a model of the module's own class, or plain
                values for it.
            resources: shared objects that modules ask for by type.
            config: time limits, and how failed modules are restarted.
            journal: where durable and periodic tasks are recorded, once there are any.
            store: the database of the journal, if it is not an SQLite file.
            watchdog: measures the loop's lag while the engine runs, for `report`.
        """
        self.scheduler = scheduler
        self.bus = bus
        scheduler.on_model_moved = self._tell_of_model
        self.durable = DurableTasks(scheduler, Journal(journal, store))
        self.periodic = PeriodicTasks(scheduler, self.durable)
        own = {DurableTasks: self.durable, PeriodicTasks: self.periodic}
        self._config = config or EngineConfig()
        self._watchdog = watchdog
        self._supervisor = Supervisor(self, self._config)
        self._runner = ModuleRunner(
            scheduler=scheduler,
            bus=bus,
            sections=sections,
            resources={**own, **(resources or {})},
            config=self._config,
            failed=self._supervisor.failed,
        )
        self._changing = asyncio.Lock()

    # -- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.scheduler.start()
        if self._watchdog is not None:
            await self._watchdog.__aenter__()
        self._supervisor.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop modules in reverse order, then the bus, the scheduler and the journal.

        Each has its limit, and whatever goes wrong with one of them, the others are stopped as
        well. Durable tasks that did not end in time run after the next start.
        """
        async with AsyncExitStack() as stack:
            if self._watchdog is not None:
                stack.push_async_exit(self._watchdog)
            stack.push_async_callback(self._close_journal)
            stack.push_async_callback(self.scheduler.stop, drain=self._config.drain_timeout)
            stack.push_async_callback(self.durable.stop)
            stack.push_async_callback(self.periodic.stop)
            stack.push_async_callback(self.bus.close)
            for name in self._runner.running:
                stack.push_async_callback(self._runner.stop, name)
            await self._supervisor.stop()

    # -- modules -----------------------------------------------------------------------------

    async def load_modules(self, names: Iterable[str]) -> None:
        """Load modules and what they require, those that do not depend on one another at once.

        Failures are kept for `health`, not raised.

        Raises:
            UnknownModuleError: no installed package offers a module of that name.
            DependencyError: the requirements form a circle.
        """
        async with self._changing:
            await self._load(names)

    async def load_module(self, name: str) -> AnyModule:
        """Load one module at run time, after what it requires, and return it.

        Raises:
            ModuleUnavailable: it failed to start.
            UnknownModuleError: no installed package offers it.
        """
        async with self._changing:
            if name not in self._runner.running:
                self._supervisor.forgive(name)
                await self._load([name])
        return self.get(name)

    async def unload_module(self, name: str) -> None:
        """Stop a module and everything that requires it; frees all they hold."""
        async with self._changing:
            self._runner.forget(name)
            await self._unload(name)

    async def reload_module(self, name: str) -> AnyModule:
        """Unload a module with its dependants, and load them all again.

        Raises:
            ModuleUnavailable: it failed to start.
        """
        async with self._changing:
            self._supervisor.forgive(name)
            await self._load([name, *await self._unload(name)])
        return self.get(name)

    def get(self, name: str) -> AnyModule:
        """Return a running module by its name.

        Raises:
            ModuleUnavailable: it is not loaded, or failed; the message says why.
        """
        module = self._runner.running.get(name)
        if module is None:
            cause = self._runner.down.get(name)
            raise ModuleUnavailable(name, cause) from cause
        return module

    def module(self, kind: type[ModuleT]) -> ModuleT:
        """Return a running module by its class.

        Raises:
            ModuleUnavailable: it is not loaded, or failed.
        """
        module = self.get(kind.name)
        if not isinstance(module, kind):
            cause = TypeError(f"it is a {type(module).__name__}, not a {kind.__name__}")
            raise ModuleUnavailable(kind.name, cause)
        return module

    def running(self) -> list[AnyModule]:
        """Return the running modules, in the order of their start."""
        return list(self._runner.running.values())

    async def call(self, name: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a module by its name, and return what it returns, awaited if it can be.

        For callers that know the module's name only; others use `module`, which is typed.

        Raises:
            ModuleUnavailable: the module is not loaded, or failed.
            ModuleError: it offers no such method.
            Exception: whatever the method raises.
        """
        module = self.get(name)
        offered = _methods(type(module))
        if method not in offered:
            names = ", ".join(sorted(offered)) or "none"
            raise ModuleError(f"module {name!r} offers no method {method!r}: there are {names}")
        result = getattr(module, method)(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    # -- looking -----------------------------------------------------------------------------

    async def health(self) -> dict[str, ModuleHealth]:
        """Return how each module is doing, the failed ones too."""
        names = [*self._runner.down, *self._runner.running]
        answers = await asyncio.gather(*(self._runner.health(name) for name in names))
        return dict(zip(names, answers, strict=True))

    async def report(self) -> EngineReport:
        """Return how everything is doing: modules, lanes, events, the loop."""
        await self.health()
        return self.last_report()

    def last_report(self) -> EngineReport:
        """Return the report without asking modules: with what each has answered last."""
        return EngineReport(
            modules={
                name: ModuleReport(
                    health,
                    self._runner.usage.get(name) or ModuleUsage(),
                    self._supervisor.restarts[name],
                    self._runner.topics(name),
                )
                for name, health in self._runner.last_health().items()
            },
            lanes=self.scheduler.statistics(),
            devices=self.scheduler.devices(),
            topics=self.bus.statistics(),
            loop_lag=self.loop_lag(),
            blockers=[] if self._watchdog is None else list(self._watchdog.blockers),
        )

    def loop_lag(self) -> Quantiles | None:
        """Return how late the event loop has run, in seconds; None if nobody watches."""
        return None if self._watchdog is None else self._watchdog.lag

    # -- for the supervisor ------------------------------------------------------------------

    async def ailing(self) -> dict[str, Exception]:
        """Return the running modules whose health is FAILED, and why."""
        return {
            name: ModuleError(health.detail or "it says that it failed")
            for name, health in (await self.health()).items()
            if health.status is HealthStatus.FAILED and name in self._runner.running
        }

    async def take_down(self, name: str, error: Exception) -> list[str]:
        """Stop a running module that has failed, with its dependants; returns all their names."""
        async with self._changing:
            if name not in self._runner.running:
                return []
            names = [name, *await self._unload(name)]
            self._runner.note_restart(names, error)
        return names

    async def bring_back(self, names: list[str]) -> bool:
        """Load those again that were taken down and are still wanted; whether all of them run."""
        async with self._changing:
            await self._load(self._down(names))
            return not self._down(names)

    def keep_waiting(self, names: list[str], error: Exception) -> None:
        """Note that those of them that are down will be tried again."""
        self._runner.note_restart(self._down(names), error)

    def give_up(self, names: list[str], error: Exception) -> None:
        """Note that those of them that are down stay down."""
        for name in self._down(names):
            cause = error if name == names[0] else self._runner.down[name]
            self._runner.note_failure(name, cause)

    # -- inside ------------------------------------------------------------------------------

    def _tell_of_model(self, moved: ModelMoved) -> None:
        self.bus.publish_nowait(ModelStateChanged.of(moved))

    async def _close_journal(self) -> None:
        try:
            async with asyncio.timeout(self._config.stop_timeout):
                await self.durable.close()
        except (JournalError, TimeoutError) as error:
            log.warning("the journal was not closed cleanly", reason=reason(error))

    def _down(self, names: list[str]) -> list[str]:
        """Those that do not run but are wanted: nobody has unloaded them by hand."""
        return [name for name in names if name in self._runner.down]

    async def _load(self, names: Iterable[str]) -> None:
        classes, broken = with_requirements(names, installed_modules())
        for name, error in broken.items():
            self._runner.note_failure(name, error)
        for ready in LoadingOrder(classes):
            async with asyncio.TaskGroup() as group:
                for name in classes.keys() & ready:
                    group.create_task(self._runner.start(name, classes[name]))

    async def _unload(self, name: str) -> list[str]:
        """Stop a module after its dependants, and return these."""
        others = dependants(self._runner.running, name)
        for other in (*others, name):
            if other in self._runner.running:
                await self._runner.stop(other)
        return others


def _methods(kind: type[AnyModule]) -> set[str]:
    """The public methods that a module adds to what every module has."""
    return {
        name
        for name in dir(kind)
        if not (name.startswith("_") or hasattr(Module, name))
        and inspect.isroutine(getattr(kind, name))
    }
