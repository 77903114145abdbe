"""The connection to Ray: made once, by the main thread, given back at the end."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Self

from xy_core.cluster.config import ClusterConfig
from xy_core.core.device import MemoryReading
from xy_core.core.errors import ConfigError, MissingExtraError, SchedulerClosed


def ray_library() -> ModuleType:
    """Import Ray.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import ray  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("ray", "cluster") from error
    library: ModuleType = ray
    return library


@functools.cache
def node_name() -> str:
    """Return the name of the node that this process is on: its address, and Ray's short id."""
    ray = ray_library()
    node_id = ray.get_runtime_context().get_node_id()
    return f"{ray.util.get_node_ip_address()}/{node_id[:12]}"


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster.

    Attributes:
        node_id: Ray's name for it.
        address: its host.
        alive: whether it answers.
        resources: what it offers: CPU, GPU, memory (bytes), and labels of the user's.
    """

    node_id: str
    address: str
    alive: bool
    resources: dict[str, float]


class Cluster:
    """A connection to a Ray cluster.

    Ray's processes die with the thread that started them, so `open` belongs to the main thread.
    It blocks for seconds: a program opens it before it serves anybody.
    """

    def __init__(self, config: ClusterConfig) -> None:
        self.config = config
        self._ours = False

    def open(self) -> None:
        """Connect, or start a cluster of one node for ``local``; harmless if there is one.

        Raises:
            ConfigError: nothing answers at the address.
            MissingExtraError: Ray is not installed.
            SchedulerClosed: the caller is not the main thread.
        """
        ray = ray_library()
        if ray.is_initialized():
            return
        if threading.current_thread() is not threading.main_thread():
            raise SchedulerClosed("open the cluster on the main thread: Ray ends with its thread")
        address = self.config.address
        place: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
        try:
            ray.init(
                address=address,
                namespace=self.config.namespace,
                log_to_driver=False,
                logging_level="error",
                **place,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster answers at cluster.address={address!r} ({error}): start one with "
                "ray start --head, or set it to local"
            ) from error
        self._ours = True

    def close(self) -> None:
        """Let the cluster go, with the actors of this program; harmless if it was not opened."""
        if self._ours:
            ray_library().shutdown()
            self._ours = False

    def read_memory(self) -> MemoryReading:
        """Ask for the memory that all nodes offer, and what nobody has reserved of it."""
        ray = ray_library()
        total = int(ray.cluster_resources().get("memory", 0))
        return MemoryReading(total, int(ray.available_resources().get("memory", 0)))

    def nodes(self) -> list[Node]:
        """Return the machines that the cluster has, those that died included."""
        return [
            Node(
                node["NodeID"],
                node["NodeManagerAddress"],
                bool(node["Alive"]),
                {name: float(amount) for name, amount in node["Resources"].items()},
            )
            for node in ray_library().nodes()
        ]

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
