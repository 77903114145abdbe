"""A backend on another node: the same methods, which block in the same way."""

from __future__ import annotations

import functools
import inspect
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import ray_library
from xy_core.cluster.guest import Guest
from xy_core.core.cancellation import checkpoint
from xy_core.core.config import HostConfig
from xy_core.core.errors import TaskCancelled, WorkerCrashed, WorkerUnavailable

_LOOK = 0.1
"""Seconds after which a call looks whether it was cancelled."""
_AHEAD = 32
"""Items that a stream may be ahead of its consumer."""


class RemoteBackend:
    """A backend in a named actor, on the node that has what it asks for.

    Generator methods give iterators, methods whose first argument is ``emit`` hand over items as
    they come, all others return what they return there. If its node dies, Ray makes the actor
    again on another one, where it loads its model; calls wait for that. A call, or a stream of
    which nothing was delivered, is tried again; else it ends with `WorkerCrashed`.

    Attributes:
        name: the model's, for logs and errors.
    """

    def __init__(
        self,
        kind: type,
        *args: Any,  # noqa: ANN401 - what the class takes
        name: str,
        cluster: ClusterConfig,
        config: HostConfig | None = None,
    ) -> None:
        """Prepare it; nothing runs before `load`.

        Args:
            kind: the backend's class, at the top of a module that the nodes have.
            *args: what the class needs; picklable.
            name: the model's.
            cluster: what the actor reserves.
            config: limits of its calls, and patience with it.
        """
        self.name = name
        self._kind = kind
        self._args = args
        self._cluster = cluster
        self._config = config or HostConfig()
        self._numbers = iter(functools.partial(secrets.token_hex, 8), "")
        self._guest: Any = None

    def load(self, *args: Any) -> None:  # noqa: ANN401 - what the class takes
        """Make the actor and wait until its model is loaded; harmless if it is.

        Raises:
            WorkerUnavailable: no node had room for it in time.
            Exception: what its loading raised.
        """
        if self._guest is None:
            wants = self._cluster
            self._guest = (
                ray_library()
                .remote(Guest)
                .options(
                    name=f"{self.name}-{secrets.token_hex(4)}",
                    num_cpus=wants.model_cpus,
                    num_gpus=wants.model_gpus,
                    memory=wants.model_memory or None,
                    max_concurrency=self._config.calls + 1,
                    max_restarts=-1,
                    max_task_retries=0,
                )
                .remote(self._kind, self._args, args)
            )
        try:
            self._wait_ready()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the actor, and with it all that the model holds; harmless if there is none."""
        guest, self._guest = self._guest, None
        if guest is not None:
            ray_library().kill(guest)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = None if name.startswith("_") else getattr(self._kind, name, None)
        if not inspect.isfunction(method):
            raise AttributeError(f"{name} is not a method that can be called on another node")
        if inspect.isgeneratorfunction(method):
            return functools.partial(self._stream, "stream", name)
        if "emit" in list(inspect.signature(method).parameters)[1:2]:
            return functools.partial(self._hand_over, name)
        return functools.partial(self._call, name)

    # -- calls -------------------------------------------------------------------------------

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        ray = ray_library()
        for left in reversed(range(self._config.retries + 1)):
            number = next(self._numbers)
            try:
                return self._get(self._there().call.remote(method, number, args, kwargs))
            except TaskCancelled:
                self._there().cancel.remote(number)
                raise
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayActorError as error:
                self._crashed(error, may_retry=left > 0)
        raise AssertionError("the last attempt returns or raises")

    def _hand_over(
        self,
        method: str,
        emit: Callable[[Any], object],
        /,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        items = self._stream("emitted", method, *args, **kwargs)
        for item in items:
            emit(item)

    def _stream(self, way: str, method: str, /, *args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401
        ray = ray_library()
        for left in reversed(range(self._config.retries + 1)):
            delivered = False
            number = next(self._numbers)
            guest = self._there()
            items = (
                getattr(guest, way)
                .options(num_returns="streaming", _generator_backpressure_num_objects=_AHEAD)
                .remote(method, number, args, kwargs)
            )
            try:
                for reference in self._references(items):
                    item = self._get(reference)
                    delivered = True
                    yield item
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayActorError as error:
                self._crashed(error, may_retry=left > 0 and not delivered)
            else:
                return
            finally:
                guest.cancel.remote(number)

    def _references(self, items: Any) -> Iterator[Any]:  # noqa: ANN401 - Ray is untyped
        """Yield references to a stream's items, and look at cancellation while there is none."""
        ray = ray_library()
        while True:
            ready, _ = ray.wait([items], timeout=_LOOK, fetch_local=False)
            if not ready:
                checkpoint()
                continue
            try:
                reference = next(items)
            except StopIteration:
                return
            yield reference

    def _get(self, reference: Any) -> Any:  # noqa: ANN401 - Ray is untyped
        ray = ray_library()
        while True:
            try:
                return ray.get(reference, timeout=_LOOK)
            except ray.exceptions.GetTimeoutError:
                checkpoint()

    # -- life of the actor -------------------------------------------------------------------

    def _there(self) -> Any:  # noqa: ANN401 - Ray is untyped
        if self._guest is None:
            raise WorkerUnavailable(f"{self.name} is not loaded on any node: load it first")
        return self._guest

    def _crashed(self, error: Exception, *, may_retry: bool) -> None:
        """Wait for the actor's return, if the call may be tried again."""
        if not may_retry:
            raise WorkerCrashed(f"the node of {self.name} died during a call: {error}") from error
        self._wait_ready()

    def _wait_ready(self) -> None:
        ray = ray_library()
        patience = time.monotonic() + self._config.start_timeout
        reference = self._there().ready.remote()
        while time.monotonic() < patience:
            try:
                ray.get(reference, timeout=_LOOK)
            except ray.exceptions.GetTimeoutError:
                checkpoint()
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.ActorDiedError as error:
                raise WorkerUnavailable(f"{self.name} cannot be loaded: {error}") from error
            except ray.exceptions.RayActorError:
                time.sleep(_LOOK)
                checkpoint()
                reference = self._there().ready.remote()
            else:
                return
        raise WorkerUnavailable(
            f"no node had room for {self.name} within {self._config.start_timeout:.0f} s: "
            "add nodes, or ask for less in the section cluster"
        )
