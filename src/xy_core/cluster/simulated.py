"""A Ray cluster whose nodes are all on this machine: for tests, benchmarks and trials."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import Cluster, ray_library
from xy_core.core.errors import ConfigError

_SIZE = {"object_store_memory": 150 << 20, "memory": 2 << 30, "include_dashboard": False}
"""What each node has, in bytes."""
_NOTICE = {"health_check_period_ms": 500}
"""Five checks that fail are a death: 2.5 s, as otherwise Ray sends work to the dead for 15 s."""
_ATTEMPTS = 3
"""A node that is not there in half a minute, on a busy machine, ends itself: Ray's own limit."""


class SimulatedCluster:
    """A head without processors, to which this program connects, and nodes that come and go.

    Everything but the machine is real: each node has its processes, its object store and its
    death. Not on Windows, where Ray has none of this.

    Attributes:
        address: of the head.
        head: the process of the head's object store.
    """

    def __enter__(self) -> Self:
        """Start the head and connect.

        Raises:
            ConfigError: this program is connected to a cluster.
            MissingExtraError: Ray is not installed.
        """
        if ray_library().is_initialized():
            raise ConfigError("this program is connected to a cluster: simulate one in another")
        from ray.cluster_utils import Cluster as RayCluster  # noqa: PLC0415 - as Ray

        with ExitStack() as opened:
            self._nodes = RayCluster()
            opened.callback(self._nodes.shutdown)
            self._start(0, {}, _system_config=_NOTICE)
            self.address: str = self._nodes.address
            self.head: int = self._nodes.head_node.all_processes["raylet"][0].process.pid
            opened.enter_context(Cluster(ClusterConfig(address=self.address)))
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def add(self, cpus: int = 2, **resources: float) -> Any:  # noqa: ANN401 - Ray is untyped
        """Add a node, wait until it is there, and return it; it has a ``node_id``.

        Args:
            cpus: processors that it says it has.
            **resources: what else it offers.
        """
        return self._start(cpus, resources)

    def kill(self, *nodes: Any) -> None:  # noqa: ANN401 - the same
        """End nodes at once, as a power cut does; what ran there follows within a moment."""
        for node in nodes:
            self._nodes.remove_node(node, allow_graceful=False)

    def _start(self, cpus: int, resources: dict[str, float], **options: Any) -> Any:  # noqa: ANN401 - the same
        place = _SIZE | options
        for left in reversed(range(_ATTEMPTS)):
            try:
                return self._nodes.add_node(num_cpus=cpus, resources=resources, **place)
            except Exception:
                if not left:
                    raise
        raise AssertionError("the last attempt returns or raises")
