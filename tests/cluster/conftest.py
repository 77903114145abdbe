"""A real Ray cluster of several nodes on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from xy_core.core.host_proxy import lending_nodes

SIZE = {"object_store_memory": 100 << 20, "include_dashboard": False}
MEMORY = 2 << 30
"""Bytes that each node says that it has; it takes no more than its processes need."""


class Nodes:
    """A head without processors, and nodes that come and go."""

    def __init__(self, cluster: object) -> None:
        self._cluster = cluster
        self.address = cluster.address

    def add(self, **resources: float) -> object:
        """Add a node of two processors, and wait until it is there."""
        return self._cluster.add_node(num_cpus=2, memory=MEMORY, resources=resources, **SIZE)

    def kill(self, *nodes: object) -> None:
        """End nodes with all that runs on them, as a power cut does."""
        for node in nodes:
            self._cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="module")
def nodes():
    """A cluster without room for work, to which this process is connected."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'xy-core[cluster]'")
    utils = pytest.importorskip("ray.cluster_utils")
    actor = pytest.importorskip("xy_core.cluster.actor")
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    cluster = utils.Cluster()
    cluster.add_node(num_cpus=0, memory=MEMORY, **SIZE)
    ray.init(
        address=cluster.address, namespace="xy-core", log_to_driver=False, logging_level="error"
    )
    with lending_nodes(actor.open_actor):
        yield Nodes(cluster)
    ray.shutdown()
    cluster.shutdown()
