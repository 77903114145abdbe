"""Lends a cluster's nodes to a program for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import Cluster
from xy_core.core.device import Device
from xy_core.core.host_proxy import lending_nodes


@contextmanager
def lent_nodes(config: ClusterConfig) -> Iterator[tuple[Device, ...]]:
    """Connect to the cluster that is configured, if any, and let models live on its nodes.

    Yields:
        The devices that a scheduler has by it: the cluster, or none.

    Raises:
        ConfigError: nothing answers at the address.
        MissingExtraError: Ray is not installed.
        SchedulerClosed: the caller is not the main thread.
    """
    if not config.address:
        yield ()
        return
    with Cluster(config) as cluster:
        # Only here, since they need Ray as well.
        from xy_core.cluster.actor import open_actor  # noqa: PLC0415
        from xy_core.cluster.device import ClusterDevice  # noqa: PLC0415

        device = ClusterDevice(cluster.read_memory)
        with device.following(), lending_nodes(open_actor):
            yield (device,)
