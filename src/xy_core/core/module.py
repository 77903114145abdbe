"""What a module is: a named capability with a bounded life, built on the core."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import structlog
from pydantic import BaseModel

from xy_core.core.errors import DependencyError
from xy_core.core.events import Event, EventBus
from xy_core.core.scheduler import GlobalTaskScheduler

ConfigT = TypeVar("ConfigT", bound=BaseModel)
ResourceT = TypeVar("ResourceT")


class HealthStatus(enum.StrEnum):
    """How a module is doing."""

    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ModuleHealth:
    """One module's answer to "how are you?".

    Attributes:
        status: the verdict.
        detail: one sentence for a person; empty when there is nothing to say.
        facts: small JSON-able figures, such as the names of loaded models.
    """

    status: HealthStatus
    detail: str = ""
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModuleContext:
    """What the engine lends to a module.

    Attributes:
        scheduler: runs everything that takes time.
        bus: carries events between modules.
        resources: shared objects of upper layers (a model store, say), looked up by type, so
            that the core can carry what it does not know.
        failed: told by `Module.report_failure`; without an engine nobody is.
    """

    scheduler: GlobalTaskScheduler
    bus: EventBus
    resources: Mapping[type, object] = field(default_factory=dict)
    failed: Callable[[Exception], None] | None = None

    def resource(self, kind: type[ResourceT]) -> ResourceT:
        """Return the shared object of that type.

        Raises:
            DependencyError: the program was put together without one.
        """
        found = self.resources.get(kind)
        if not isinstance(found, kind):
            raise DependencyError(f"no {kind.__name__} was given to the engine's resources")
        return found


class Module(ABC, Generic[ConfigT]):
    """A capability that the engine loads, watches and unloads.

    A module never blocks the event loop: work that takes time goes through
    ``self.context.scheduler``. The engine calls, in this order and each with a time limit,
    `initialize`, `start`, then `stop`; after `stop` the module holds nothing any more.

    Attributes:
        name: how config, bus topics and ``engine.call`` refer to it.
        requires: names of modules that must be running before this one starts.
        config_model: the pydantic model of its configuration.
        publishes: the events that others may hear from it.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    config_model: ClassVar[type[BaseModel]]
    publishes: ClassVar[tuple[type[Event], ...]] = ()

    def __init__(self, context: ModuleContext, config: ConfigT) -> None:
        self.context = context
        self.config = config
        self.log = structlog.get_logger(self.name)

    @abstractmethod
    async def initialize(self) -> None:
        """Load what the module needs; raise an `XyCoreError` if it cannot work."""

    async def start(self) -> None:
        """Begin background work, after every required module is ready."""

    @abstractmethod
    async def stop(self) -> None:
        """Give everything back: models, threads, files. Called once, also after a failed start."""

    async def health(self) -> ModuleHealth:
        """Say how the module is doing, within a few milliseconds."""
        return ModuleHealth(HealthStatus.READY)

    def report_failure(self, error: Exception) -> None:
        """Say that the module cannot go on, so that the engine restarts it."""
        self.log.warning("module cannot go on", error=repr(error))
        if self.context.failed is not None:
            self.context.failed(error)
