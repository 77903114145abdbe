"""Runs modules: makes, starts and stops them, each phase within its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import psutil
import structlog
from pydantic import BaseModel, ValidationError

from xy_core.core.bounded import bounded
from xy_core.core.config import EngineConfig
from xy_core.core.entry_points import AnyModule
from xy_core.core.errors import ConfigError, DependencyError, ModuleError, XyCoreError
from xy_core.core.events import Event, EventBus
from xy_core.core.module import HealthStatus, ModuleContext, ModuleHealth
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.usage import ModuleScheduler, ModuleUsage

log = structlog.get_logger("engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChanged(Event):
    """A module was loaded, failed, is being restarted or was unloaded."""

    topic: ClassVar[str] = "engine.module_changed"
    module: str
    status: HealthStatus
    detail: str = ""


class ModuleRunner:
    """The modules of one engine, and why some of them do not run.

    Attributes:
        running: by name, each after what it requires.
        down: why modules do not run that should, by name.
        restarting: those of them that will be tried again, with the module whose failure it was.
        usage: the account of every module that was ever loaded.
    """

    def __init__(
        self,
        *,
        scheduler: GlobalTaskScheduler,
        bus: EventBus,
        sections: Mapping[str, BaseModel | Mapping[str, Any]],
        resources: Mapping[type, object],
        config: EngineConfig,
        failed: Callable[[str, Exception], None],
    ) -> None:
        """Make a runner without modules.

        Args:
            scheduler: runs the modules' tasks.
            bus: carries their events.
            sections: configuration by module name.
            resources: shared objects by type.
            config: time limits.
            failed: told when a running module says that it cannot go on.
        """
        self.running: dict[str, AnyModule] = {}
        self.down: dict[str, Exception] = {}
        self.restarting: dict[str, str] = {}
        self.usage: dict[str, ModuleUsage] = {}
        self._answers: dict[str, ModuleHealth] = {}
        self._scheduler = scheduler
        self._bus = bus
        self._sections = sections
        self._resources = resources
        self._config = config
        self._failed = failed

    async def start(self, name: str, kind: type[AnyModule]) -> None:
        """Start a module unless it runs; a failure is noted, not raised."""
        if name in self.running:
            return
        usage = self.usage.setdefault(name, ModuleUsage())
        before = _resident()
        try:
            self.running[name] = await self._start(name, kind, usage)
        except Exception as error:  # noqa: BLE001 - one failing module leaves the rest running
            self.note_failure(name, error)
        else:
            self._answers[name] = ModuleHealth(HealthStatus.READY)
            usage.memory = max(0, _resident() - before)
            self.down.pop(name, None)
            self.restarting.pop(name, None)
            self.announce(name, HealthStatus.READY)

    async def stop(self, name: str) -> None:
        """Stop a running module; a failure is logged, since others must be stopped as well."""
        await self._stop_quietly(self.running.pop(name))
        self.announce(name, HealthStatus.STOPPED)

    def note_failure(self, name: str, error: Exception) -> None:
        """Remember why a module does not run."""
        self.down[name] = error
        self.restarting.pop(name, None)
        log.warning("module failed", module=name, reason=reason(error))
        self.announce(name, HealthStatus.FAILED, reason(error))

    def note_restart(self, names: Sequence[str], error: Exception) -> None:
        """Remember that a module, the first, and its dependants will be tried again."""
        for name in names:
            cause = self.down.get(name) or (error if name == names[0] else _because_of(names[0]))
            self.down[name] = cause
            self.restarting[name] = names[0]
            self.announce(name, HealthStatus.RESTARTING, reason(cause))

    def forget(self, name: str) -> None:
        """Forget a module that does not run and is not wanted any more, and what waits for it."""
        for other, cause in list(self.restarting.items()):
            if name in {other, cause}:
                del self.restarting[other]
                self.down.pop(other, None)
        self.down.pop(name, None)

    def announce(self, name: str, status: HealthStatus, detail: str = "") -> None:
        """Tell the bus; whoever does not listen must not hold up loading or shutdown."""
        self._bus.publish_nowait(ModuleChanged(module=name, status=status, detail=detail))

    async def health(self, name: str) -> ModuleHealth:
        """Return how one module is doing, running or not."""
        module = self.running.get(name)
        if module is None:
            return self._why_down(name)
        try:
            answer = await bounded(module.health(), self._config.health_timeout)
        except Exception as error:  # noqa: BLE001 - a sick module must not hide the others
            answer = ModuleHealth(HealthStatus.FAILED, reason(error))
        self._answers[name] = answer
        return answer

    def last_health(self) -> dict[str, ModuleHealth]:
        """Return how each module is doing, by what it has answered last."""
        down = {name: self._why_down(name) for name in self.down}
        return down | {name: self._answers[name] for name in self.running}

    def topics(self, name: str) -> tuple[str, ...]:
        """Return the topics that a running module publishes."""
        module = self.running.get(name)
        return () if module is None else tuple(event.topic for event in module.publishes)

    # -- inside ------------------------------------------------------------------------------

    def _why_down(self, name: str) -> ModuleHealth:
        status = HealthStatus.RESTARTING if name in self.restarting else HealthStatus.FAILED
        cause = self.down.get(name)
        return ModuleHealth(status, "it was unloaded" if cause is None else reason(cause))

    async def _start(self, name: str, kind: type[AnyModule], usage: ModuleUsage) -> AnyModule:
        missing = [other for other in kind.requires if other not in self.running]
        if missing:
            raise DependencyError(f"it requires {', '.join(missing)}, which failed")
        context = ModuleContext(
            ModuleScheduler(self._scheduler, usage),
            self._bus,
            self._resources,
            lambda error: self._failed(name, error),
        )
        module = kind(context, self._section(kind))
        try:
            await bounded(module.initialize(), self._config.initialize_timeout)
            await bounded(module.start(), self._config.start_timeout)
        except BaseException:
            await self._stop_quietly(module)
            raise
        log.info("module loaded", module=name)
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

    async def _stop_quietly(self, module: AnyModule) -> None:
        try:
            await bounded(module.stop(), self._config.stop_timeout)
        except Exception as error:  # noqa: BLE001 - see `stop`
            log.warning("module did not stop cleanly", module=module.name, reason=reason(error))


def _because_of(name: str) -> ModuleError:
    return ModuleError(f"{name}, which it requires, failed")


def reason(error: BaseException) -> str:
    """Say in words for a person why a module does not run."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error) if isinstance(error, XyCoreError) else repr(error)


def _resident() -> int:
    """Bytes of physical memory that the process uses."""
    resident: int = psutil.Process().memory_info().rss
    return resident
