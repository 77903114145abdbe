"""Several processes of one model, on different nodes: calls go to the least busy that lives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from xy_core.core.cancellation import CancelToken, checkpoint, current_token
from xy_core.core.config import HostConfig
from xy_core.core.host import HostState, ModelHost
from xy_core.core.host_calls import HostCalls
from xy_core.core.host_link import Kind
from xy_core.core.model_process import CallInFlight

log = structlog.get_logger("host")

_BEST_FIRST = (
    HostState.READY,
    HostState.STARTING,
    HostState.RESTARTING,
    HostState.FAILED,
    HostState.STOPPED,
)


class ReplicatedHost(HostCalls):
    """The hosts of one model's replicas, as one host.

    It is ready with its first replica; those that no node has room for are tried again. A call
    whose replica dies goes to another one at once, if nothing of it was delivered.

    Attributes:
        name: the model's, for logs and errors.
        hosts: one for each replica.
    """

    def __init__(self, name: str, hosts: Sequence[ModelHost], config: HostConfig) -> None:
        """Prepare replicas; nothing runs before `start`.

        Args:
            name: the model's.
            hosts: one for each replica.
            config: of each of them.
        """
        super().__init__(config.retries)
        self.name = name
        self.hosts = tuple(hosts)
        self._pause = config.window
        self._calls = dict.fromkeys(self.hosts, 0)
        self._choosing = threading.Lock()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._stopping.set()
        self._errors: list[Exception] = []

    @property
    def state(self) -> HostState:
        """How the best of the replicas is doing."""
        return min((host.state for host in self.hosts), key=_BEST_FIRST.index)

    @property
    def restarts(self) -> int:
        """How many times processes were started again."""
        return sum(host.restarts for host in self.hosts)

    # -- life --------------------------------------------------------------------------------

    def start(self, *args: Any) -> None:
        """Start all replicas, and return once the first is ready; harmless if they run.

        Args:
            *args: for the method that each begins with.

        Raises:
            TaskCancelled: the task was cancelled; all are stopped then.
            WorkerCrashed: no replica could be started, of which this is the first one's error.
            Exception: whatever making the object raised.
        """
        with self._changed:
            if self._stopping.is_set():
                self._stopping = threading.Event()
                self._errors = []
                for host in self.hosts:
                    arguments = (host, self._stopping, args)
                    name = f"xy-replica-{self.name}"
                    threading.Thread(
                        target=self._keep, args=arguments, name=name, daemon=True
                    ).start()
        token = current_token.get() or CancelToken()
        with token.waking(self._notify), self._changed:
            self._changed.wait_for(lambda: token.cancelled or self._settled())
        if token.cancelled:
            self.stop()
        checkpoint()
        if self.state is not HostState.READY and self._errors:
            self.stop()
            raise self._errors[0]

    def stop(self) -> None:
        """Stop all replicas at the same time; harmless if they are."""
        self._stopping.set()
        stopping = [threading.Thread(target=host.stop, daemon=True) for host in self.hosts]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def _keep(self, host: ModelHost, stopping: threading.Event, args: tuple[Any, ...]) -> None:
        """Start a replica; once it has begun well, its own supervisor keeps it."""
        while not stopping.is_set():
            try:
                host.start(*args)
            except Exception as error:  # noqa: BLE001 - whatever making the object raises
                log.warning("replica does not start", model=self.name, error=str(error))
                self._errors.append(error)
                self._notify()
                stopping.wait(self._pause)
            else:
                self._notify()
                break
        if stopping.is_set():
            host.stop()

    def _settled(self) -> bool:
        return self.state is HostState.READY or len(self._errors) >= len(self.hosts)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # -- calls -------------------------------------------------------------------------------

    @contextmanager
    def exchange(self, kind: Kind, method: str, args: Any, kwargs: Any) -> Iterator[CallInFlight]:
        """See `HostCalls`."""
        host = self._choose()
        try:
            with host.exchange(kind, method, args, kwargs) as exchange:
                yield exchange
        finally:
            with self._choosing:
                self._calls[host] -= 1

    def _choose(self) -> ModelHost:
        """Take a place at the replica that is ready and has the fewest calls."""
        with self._choosing:
            host = min(self.hosts, key=lambda one: (_BEST_FIRST.index(one.state), self._calls[one]))
            self._calls[host] += 1
            return host
