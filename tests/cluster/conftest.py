"""A real Ray cluster of several nodes on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from xy_core.cluster.simulated import SimulatedCluster
from xy_core.core.host_proxy import lending_nodes


@pytest.fixture(scope="module")
def nodes():
    """A cluster without room for work, to which this process is connected."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'xy-core[cluster]'")
    from xy_core.cluster.actor import open_actor  # noqa: PLC0415

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    with SimulatedCluster() as cluster, lending_nodes(open_actor):
        yield cluster
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
