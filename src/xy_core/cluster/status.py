"""What a program's settings join it to, and whether that is there: journal, broker, nodes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from xy_core.cluster.bridge import connect
from xy_core.cluster.broker_config import BrokerConfig
from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import Cluster, Node
from xy_core.cluster.postgres_journal import open_records
from xy_core.cluster.postgres_records import EngineRecord
from xy_core.core.config import JournalConfig
from xy_core.core.errors import XyCoreError

_PATIENCE = 15.0
"""Seconds for the broker to answer."""


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """The journal that several engines share.

    Attributes:
        engines: those that share it, those that have just died included.
        tasks: how many there are: waiting (nobody has them), running (an engine has claimed
            them), done, dead.
        problem: why it cannot be looked at; empty if it can.
    """

    engines: list[EngineRecord] = field(default_factory=list)
    tasks: dict[str, int] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """The server that carries events.

    Attributes:
        round_trip: seconds until it answered; None if it did not.
        problem: why not; empty if it did.
    """

    round_trip: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class NodesStatus:
    """The machines of the Ray cluster.

    Attributes:
        nodes: all, those that died included.
        problem: why they cannot be asked for; empty if they can.
    """

    nodes: list[Node] = field(default_factory=list)
    problem: str = ""


def journal_status(config: JournalConfig) -> JournalStatus | None:
    """Look at the shared journal; None if the settings name none."""
    if config.url is None:
        return None
    try:
        with open_records(config) as records:
            engines, counts = records.engines(), records.count_tasks()
    except XyCoreError as error:
        return JournalStatus(problem=str(error))
    running = sum(engine.claimed for engine in engines)
    tasks = {"waiting": counts["waiting"] - running, "running": running}
    return JournalStatus(engines, tasks | {"done": counts["done"], "dead": counts["dead"]})


def broker_status(config: BrokerConfig) -> BrokerStatus | None:
    """Ask the broker whether it is there; None if the settings name none."""
    if config.url is None:
        return None
    try:
        return asyncio.run(_ask(config))
    except Exception as error:  # noqa: BLE001 - of an optional library; it is the answer
        reason = str(error) or type(error).__name__
        return BrokerStatus(
            problem=f"no NATS server answers at broker.url ({reason}): see that it runs there and "
            "lets this machine in"
        )


def nodes_status(config: ClusterConfig) -> NodesStatus | None:
    """Ask Ray for its nodes; None if the settings name no cluster that outlives a program."""
    if config.address in ("", "local"):
        return None
    try:
        with Cluster(config) as cluster:
            return NodesStatus(cluster.nodes())
    except XyCoreError as error:
        return NodesStatus(problem=str(error))


async def _ask(config: BrokerConfig) -> BrokerStatus:
    async with asyncio.timeout(_PATIENCE):
        connection = await connect(config, error_cb=_leave_to_the_answer)
        try:
            begun = time.perf_counter()
            await connection.flush()
            return BrokerStatus(time.perf_counter() - begun)
        finally:
            await connection.close()


async def _leave_to_the_answer(_error: Exception) -> None:
    """The library would write a traceback to the terminal."""
