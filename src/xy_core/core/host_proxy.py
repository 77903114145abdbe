"""Backends that may live here or in a process of their own, without knowing which."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from xy_core.core.config import HostedConfig
from xy_core.core.host import HostState, ModelHost

T = TypeVar("T")


def make_backend(kind: type[T], *args: Any, name: str, config: HostedConfig) -> T:
    """Make a backend where the configuration wants it.

    Args:
        kind: its class, with the methods ``load`` and ``close``; at the top of a module.
        *args: what the class needs; picklable.
        name: the model's, for logs and errors.
        config: its module's settings.

    Returns:
        The backend, or a `HostedBackend` that has its methods.
    """
    if config.isolation == "none":
        return kind(*args)
    host = ModelHost(name, kind, *args, begin="load", config=config.process)
    return cast("T", HostedBackend(kind, host))


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
        host: the host of the process, which knows its state.
    """

    def __init__(self, kind: type, host: ModelHost) -> None:
        self.host = host
        self._kind = kind

    def load(self) -> None:
        """Start the process and load the model there; harmless if it is."""
        self.host.start()

    def close(self) -> None:
        """End the process, and with it all that the model holds."""
        self.host.stop()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = None if name.startswith("_") else getattr(self._kind, name, None)
        if not inspect.isfunction(method):
            raise AttributeError(f"{name} is not a method that can be called in another process")
        if inspect.isgeneratorfunction(method):
            return functools.partial(self.host.stream, name)
        if "emit" in list(inspect.signature(method).parameters)[1:2]:
            return functools.partial(self._hand_over, name)
        return functools.partial(self.host.call, name)

    def _hand_over(
        self, name: str, emit: Callable[[Any], object], /, *args: Any, **kwargs: Any
    ) -> None:
        items = self.host.stream(name, *args, **kwargs)
        try:
            for item in items:
                emit(item)
        finally:
            items.close()
