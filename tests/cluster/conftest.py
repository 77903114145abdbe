"""A real Ray cluster of several nodes on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head without processors and two nodes; more can be added and removed."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'xy-core[cluster]'")
    utils = pytest.importorskip("ray.cluster_utils")
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    cluster = utils.Cluster()
    size = {"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster.add_node(**size | {"num_cpus": 0})
    cluster.size = size
    cluster.workers = [cluster.add_node(**size) for _ in range(2)]
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    ray.init(
        address=cluster.address,
        namespace="xy-core",
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    yield cluster
    ray.shutdown()
    cluster.shutdown()
