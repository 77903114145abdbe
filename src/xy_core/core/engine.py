"""The CoreEngine: loads modules, watches them, and stops everything in bounded time."""

from __future__ import annotations

import asyncio
import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from xy_core.core.config import EngineConfig, JournalConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.errors import (
    ConfigError,
    DependencyError,
    JournalError,
    ModuleUnavailable,
    UnknownModuleError,
    XyCoreError,
)
from xy_core.core.events import Event, EventBus
from xy_core.core.journal import Journal
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.periodic import PeriodicTasks
from xy_core.core.scheduler import GlobalTaskScheduler

log = structlog.get_logger("engine")

ENTRY_POINTS = "xy_core.modules"
"""The entry-point group in which packages, this one too, announce their modules."""

AnyModule = Module[Any]
ModuleT = TypeVar("ModuleT", bound=AnyModule)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChanged(Event):
    """A module was loaded, failed or was unloaded."""

    topic: ClassVar[str] = "engine.module_changed"
    module: str
    status: HealthStatus
    detail: str = ""


class CoreEngine:
    """Owns the scheduler, the bus and the modules of one program.

    A module that fails leaves the others running: it is listed as failed in `health`, with the
    reason. Use it as ``async with CoreEngine(...) as engine``.

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
    ) -> None:
        """Put an engine together.

        Args:
            scheduler: not yet started.
            bus: the event bus.
            sections: configuration by module name: a model of the module's own class, or plain
                values for it.
            resources: shared objects that modules ask for by type.
            config: time limits.
            journal: where durable and periodic tasks are recorded, once there are any.
        """
        self.scheduler = scheduler
        self.bus = bus
        self._sections = sections
        self.durable = DurableTasks(scheduler, Journal(journal))
        self.periodic = PeriodicTasks(scheduler, self.durable)
        own = {DurableTasks: self.durable, PeriodicTasks: self.periodic}
        self._context = ModuleContext(scheduler, bus, {**own, **(resources or {})})
        self._config = config or EngineConfig()
        self._modules: dict[str, AnyModule] = {}
        self._failed: dict[str, Exception] = {}
        self._changing = asyncio.Lock()

    # -- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.scheduler.start()
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

        Each has its limit; durable tasks that did not end in time run after the next start.
        """
        for name in reversed(list(self._modules)):
            await self._stop_module(name)
        await self.bus.close()
        await self.periodic.stop()
        await self.durable.stop()
        await self.scheduler.stop(drain=self._config.drain_timeout)
        try:
            async with asyncio.timeout(self._config.stop_timeout):
                await self.durable.close()
        except (JournalError, TimeoutError) as error:
            log.warning("the journal was not closed cleanly", reason=_reason(error))

    # -- modules -----------------------------------------------------------------------------

    async def load_modules(self, names: Iterable[str]) -> None:
        """Load modules and what they require, those that do not depend on one another at once.

        Failures are kept for `health`, not raised.

        Raises:
            UnknownModuleError: no installed package offers a module of that name.
            DependencyError: the requirements form a circle.
        """
        classes, broken = _with_requirements(names)
        for name, error in broken.items():
            self._note_failure(name, error)
        order = graphlib.TopologicalSorter(
            {name: module.requires for name, module in classes.items()}
        )
        try:
            order.prepare()
        except graphlib.CycleError as error:
            raise DependencyError(f"modules require each other: {error.args[1]}") from error
        while order.is_active():
            ready = order.get_ready()
            async with asyncio.TaskGroup() as group:
                for name in classes.keys() & ready:
                    group.create_task(self._load_or_note(name, classes[name]))
            order.done(*ready)

    async def load_module(self, name: str) -> AnyModule:
        """Load one module at run time, after what it requires, and return it.

        Raises:
            ModuleUnavailable: it failed to start.
            UnknownModuleError: no installed package offers it.
        """
        async with self._changing:
            if name not in self._modules:
                await self.load_modules([name])
        return self.get(name)

    async def unload_module(self, name: str) -> None:
        """Stop a module and everything that requires it; frees all they hold."""
        async with self._changing:
            self._failed.pop(name, None)
            for other in reversed(list(self._modules)):
                if other == name or name in _requirements(self._modules, other):
                    await self._stop_module(other)

    async def reload_module(self, name: str) -> AnyModule:
        """Unload a module with its dependants, and load them all again."""
        before = list(self._modules)
        await self.unload_module(name)
        lost = [other for other in before if other not in self._modules]
        async with self._changing:
            await self.load_modules([name, *lost])
        return self.get(name)

    def get(self, name: str) -> AnyModule:
        """Return a running module by its name.

        Raises:
            ModuleUnavailable: it is not loaded, or failed; the message says why.
        """
        module = self._modules.get(name)
        if module is None:
            cause = self._failed.get(name)
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

    async def health(self) -> dict[str, ModuleHealth]:
        """Return how each module is doing, the failed ones too."""
        report = {
            name: ModuleHealth(HealthStatus.FAILED, _reason(cause))
            for name, cause in self._failed.items()
        }
        for name, module in self._modules.items():
            try:
                async with asyncio.timeout(self._config.stop_timeout):
                    report[name] = await module.health()
            except Exception as error:  # noqa: BLE001 - a sick module must not hide the others
                report[name] = ModuleHealth(HealthStatus.FAILED, _reason(error))
        return report

    # -- inside ------------------------------------------------------------------------------

    async def _load_or_note(self, name: str, kind: type[AnyModule]) -> None:
        if name in self._modules:
            return
        try:
            self._modules[name] = await self._load(kind)
        except Exception as error:  # noqa: BLE001 - one failing module leaves the rest running
            self._note_failure(name, error)
        else:
            self._failed.pop(name, None)
            self._announce(name, HealthStatus.READY)

    def _note_failure(self, name: str, error: Exception) -> None:
        self._failed[name] = error
        log.warning("module failed to load", module=name, reason=_reason(error))
        self._announce(name, HealthStatus.FAILED, _reason(error))

    async def _load(self, kind: type[AnyModule]) -> AnyModule:
        missing = [name for name in kind.requires if name not in self._modules]
        if missing:
            raise DependencyError(f"it requires {', '.join(missing)}, which failed")
        module = kind(self._context, self._section(kind))
        try:
            async with asyncio.timeout(self._config.initialize_timeout):
                await module.initialize()
                await module.start()
        except BaseException:
            await self._stop_quietly(module)
            raise
        log.info("module loaded", module=kind.name)
        return module

    def _section(self, kind: type[AnyModule]) -> BaseModel:
        section = self._sections.get(kind.name, {})
        if isinstance(section, kind.config_model):
            return section
        values = section.model_dump() if isinstance(section, BaseModel) else section
        try:
            return kind.config_model.model_validate(values)
        except ValidationError as error:
            raise ConfigError(f"section [{kind.name}]: {error}") from error

    async def _stop_module(self, name: str) -> None:
        module = self._modules.pop(name)
        await self._stop_quietly(module)
        self._announce(name, HealthStatus.STOPPED)

    async def _stop_quietly(self, module: AnyModule) -> None:
        """Stop a module; a failure is logged, since the others must be stopped as well."""
        try:
            async with asyncio.timeout(self._config.stop_timeout):
                await module.stop()
        except Exception as error:  # noqa: BLE001 - see the docstring
            log.warning("module did not stop cleanly", module=module.name, reason=_reason(error))

    def _announce(self, name: str, status: HealthStatus, detail: str = "") -> None:
        """Tell the bus; whoever does not listen must not hold up loading or shutdown."""
        self.bus.publish_nowait(ModuleChanged(module=name, status=status, detail=detail))


def installed_modules() -> dict[str, EntryPoint]:
    """Return the modules that installed packages offer, by name, without importing them."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _with_requirements(
    names: Iterable[str],
) -> tuple[dict[str, type[AnyModule]], dict[str, Exception]]:
    """Return the modules' classes, and the errors of those that cannot even be imported."""
    offered = installed_modules()
    classes: dict[str, type[AnyModule]] = {}
    broken: dict[str, Exception] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name in classes or name in broken:
            continue
        if name not in offered:
            raise UnknownModuleError(f"no module {name!r}: there are {', '.join(sorted(offered))}")
        try:
            classes[name] = offered[name].load()
        except Exception as error:  # noqa: BLE001 - another package's code may raise anything
            broken[name] = error
        else:
            wanted.extend(classes[name].requires)
    return classes, broken


def _requirements(modules: Mapping[str, AnyModule], name: str) -> set[str]:
    found: set[str] = set()
    wanted = list(modules[name].requires)
    while wanted:
        required = wanted.pop()
        if required not in found:
            found.add(required)
            wanted.extend(modules[required].requires if required in modules else ())
    return found


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error) if isinstance(error, XyCoreError) else repr(error)
