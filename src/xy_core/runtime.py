"""Puts a program together: settings, model store, engine, agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from xy_core.agent.agent import Agent
from xy_core.agent.embedding import lent_embedder
from xy_core.agent.tools import open_tools
from xy_core.cluster.bridge import bridged_events
from xy_core.cluster.demand import hinted_demand
from xy_core.cluster.lent import lent_nodes
from xy_core.cluster.postgres_journal import PostgresStore
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.device import DeviceKind
from xy_core.core.engine import CoreEngine
from xy_core.core.events import EventBus
from xy_core.core.garbage import settled_objects
from xy_core.core.logging import configure_logging
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.signals import terminating
from xy_core.core.time_slice import short_slice
from xy_core.core.watchdog import LoopWatchdog
from xy_core.models import ModelStore
from xy_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """A running program.

    Attributes:
        settings: what it was made from.
        engine: its modules, scheduler and bus.
        agent: answers users.
        store: the model files.
    """

    settings: Settings
    engine: CoreEngine
    agent: Agent
    store: ModelStore


@asynccontextmanager
async def open_runtime(
    settings: Settings, modules: Sequence[str] | None = None
) -> AsyncIterator[Runtime]:
    """Start a program and stop it, in bounded time, at the end of the block.

    Logs go where the settings say, unless the program has set up structlog itself.

    Args:
        settings: the configuration.
        modules: names of the modules to load; those of the settings if not given.

    Raises:
        ConfigError: no cluster answers at ``cluster.address``.
        MissingExtraError: that is set, and Ray is not installed.
        UnknownModuleError: no installed package offers one of the modules.
        Terminated: the process got SIGTERM; everything has been stopped.
    """
    if not structlog.is_configured():
        configure_logging(settings.log)
    store = ModelStore(settings.models.root, settings.models.catalogue)
    with lent_nodes(settings.cluster) as devices, terminating(), short_slice():
        engine = CoreEngine(
            scheduler=GlobalTaskScheduler(_with_cluster(settings), devices),
            bus=EventBus(settings.bus),
            sections=settings.sections(),
            resources={ModelStore: store},
            config=settings.engine,
            journal=settings.journal,
            store=_shared_store(settings),
            watchdog=LoopWatchdog(),
        )
        async with engine:
            await engine.load_modules(settings.modules if modules is None else modules)
            async with (
                lent_embedder(engine),
                open_tools(settings.agent.mcp) as tools,
                bridged_events(settings.broker, engine.bus),
                hinted_demand(settings.cluster, engine.scheduler),
            ):
                with settled_objects():
                    yield Runtime(settings, engine, Agent(engine, settings.agent, tools), store)


def _with_cluster(settings: Settings) -> SchedulerConfig:
    """Return the scheduler's settings, with a lane for the cluster if there is one."""
    if not settings.cluster.address:
        return settings.scheduler
    cluster = DeviceConfig(name=DeviceKind.CLUSTER, slots=settings.cluster.slots)
    devices = (*settings.scheduler.devices, cluster)
    return settings.scheduler.model_copy(update={"devices": devices})


def _shared_store(settings: Settings) -> PostgresStore | None:
    return None if settings.journal.url is None else PostgresStore(settings.journal)
