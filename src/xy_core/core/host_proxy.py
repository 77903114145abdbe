"""Backends that may live here, in a process of their own, or on another node, unawares."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

from xy_core.core.config import HostConfig, HostedConfig, NodeConfig
from xy_core.core.errors import ConfigError
from xy_core.core.host import HostState, ModelHost
from xy_core.core.model_process import ModelProcess, OpenProcess
from xy_core.core.replicas import ReplicatedHost

T = TypeVar("T")


class OpenOnNode(Protocol):
    """Starts a process on a node that has what a model asks for."""

    def __call__(
        self, name: str, config: HostConfig, node: NodeConfig, memory: int
    ) -> ModelProcess:
        """See `OpenProcess`; `memory` is what the model takes, in bytes, or 0."""


_clusters: list[OpenOnNode] = []
"""The clusters that this program is connected to; models go to the last."""


@contextmanager
def lending_nodes(open_on_node: OpenOnNode) -> Iterator[None]:
    """Inside the block, let models whose isolation is ``cluster`` live on other nodes."""
    _clusters.append(open_on_node)
    try:
        yield
    finally:
        _clusters.remove(open_on_node)


def make_backend(kind: type[T], *args: Any, name: str, config: HostedConfig, memory: int = 0) -> T:
    """Make a backend where the configuration wants it.

    Args:
        kind: its class, with the methods ``load`` and ``close``; at the top of a module.
        *args: what the class needs; picklable.
        name: the model's, for logs and errors.
        config: its module's settings.
        memory: bytes that it takes, all replicas together, as far as that is known; 0 if it is
            not.

    Returns:
        The backend, or a `HostedBackend` that has its methods.

    Raises:
        ConfigError: it is to live in a cluster, and the program is connected to none.
    """
    if config.isolation == "none":
        return kind(*args)
    make_host = functools.partial(ModelHost, name, kind, *args, begin="load", config=config.process)
    if config.isolation == "process":
        return cast("T", HostedBackend(kind, make_host()))
    node = config.node_of(name)
    make_host = functools.partial(make_host, open_process=_on_a_node(node, memory))
    if node.replicas == 1:
        return cast("T", HostedBackend(kind, make_host()))
    hosts = [make_host() for _ in range(node.replicas)]
    return cast("T", HostedBackend(kind, ReplicatedHost(name, hosts, config.process)))


def _on_a_node(node: NodeConfig, memory: int) -> OpenProcess:
    if not _clusters:
        raise ConfigError(
            'isolation = "cluster" needs a cluster: set cluster.address, or isolation = "process"'
        )
    return functools.partial(_clusters[-1], node=node, memory=memory // node.replicas)


def ill_hosts(backends: Iterable[object]) -> str:
    """Say which of the backends have a process that does not serve; empty if all is well."""
    hosts = [backend.host for backend in backends if isinstance(backend, HostedBackend)]
    ill = [host for host in hosts if host.state is not HostState.READY]
    return ", ".join(f"the process of {host.name} is {host.state}" for host in ill)


class HostedBackend:
    """A backend in a process of its own: the same methods, which block in the same way.

    Generator methods give iterators, methods whose first argument is ``emit`` hand over items as
    they come, all others return what they return there. ``load`` starts the process, and each
    process that follows one that died loads its model too; ``close`` ends it.

    Attributes:
        host: the host of the process, or of its replicas, which knows its state.
    """

    def __init__(self, kind: type, host: ModelHost | ReplicatedHost) -> None:
        self.host = host
        self._kind = kind

    def load(self, *args: Any) -> None:
        """Start the process and load the model there; harmless if it is."""
        self.host.start(*args)

    def close(self) -> None:
        """End the process, and with it all that the model holds."""
        self.host.stop()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = None if name.startswith("_") else getattr(self._kind, name, None)
        if not inspect.isfunction(method):
            raise AttributeError(f"{name} is not a method that can be called in another process")
        called: Callable[..., Any] = functools.partial(self.host.call, name)
        if inspect.isgeneratorfunction(method):
            called = functools.partial(self.host.stream, name)
        elif "emit" in list(inspect.signature(method).parameters)[1:2]:
            called = functools.partial(self._hand_over, name)
        self.__dict__[name] = called  # looking at a signature takes longer than a short call
        return called

    def _hand_over(
        self, name: str, emit: Callable[[Any], object], /, *args: Any, **kwargs: Any
    ) -> None:
        items = self.host.stream(name, *args, **kwargs)
        try:
            for item in items:
                emit(item)
        finally:
            items.close()
