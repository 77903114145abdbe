"""A model in a process of its own: calls, streams, and what happens when the process dies."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from xy_core.core.cancellation import CancelToken, checkpoint, current_token
from xy_core.core.compute import report_node
from xy_core.core.config import HostConfig
from xy_core.core.errors import TaskCancelled, WorkerUnavailable
from xy_core.core.host_calls import HostCalls
from xy_core.core.host_exchange import WINDOW
from xy_core.core.host_link import Kind
from xy_core.core.host_process import open_here
from xy_core.core.host_restarts import RestartPolicy
from xy_core.core.model_process import CallInFlight, ModelProcess, OpenProcess

log = structlog.get_logger("host")


class HostState(enum.StrEnum):
    """How a host is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


class ModelHost(HostCalls):
    """Holds one object in a process of its own, and calls its methods there.

    Arguments, results and items are pickled; arrays among them cross by shared memory, and those
    that come back lie in it: keep a copy of what is to be kept for long.

    A process that dies is started again, after a pause that doubles each time. Calls wait for it
    meanwhile. After too many restarts the host rests, and refuses calls, for ``window`` seconds.

    Attributes:
        name: the model's, for logs and errors.
        restarts: how many times the process was started again.
    """

    def __init__(
        self,
        name: str,
        factory: Callable[..., Any],
        *args: Any,
        begin: str = "",
        config: HostConfig | None = None,
        open_process: OpenProcess = open_here,
    ) -> None:
        """Prepare a host; nothing runs before `start`.

        Args:
            name: the model's, for logs and errors.
            factory: makes the object; a class or function at the top of a module.
            *args: the factory's arguments.
            begin: a method to call on the object each time it was made, such as ``load``.
            config: limits of the process, and patience with it.
            open_process: starts the process, on this machine if not given.
        """
        self._config = config or HostConfig()
        super().__init__(self._config.retries)
        self.name = name
        self.restarts = 0
        self._open = open_process
        self._making = (factory, args, begin)
        self._begin_with: tuple[Any, ...] = ()
        self._changed = threading.Condition()
        self._state = HostState.STOPPED
        self._process: ModelProcess | None = None
        self._error: Exception | None = None
        self._calls = 0
        self._stopping = threading.Event()
        self._supervisor: threading.Thread | None = None

    @property
    def state(self) -> HostState:
        """How the host is doing."""
        state = self._state
        died = state is HostState.READY and self.pid is None
        return HostState.RESTARTING if died else state

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        process = self._process
        return None if process is None or process.ended.is_set() else process.pid

    @property
    def node(self) -> str:
        """The machine that has the process (see `ModelProcess`); empty for this one."""
        process = self._process
        return "" if process is None or process.ended.is_set() else process.node

    # -- life ----------------------------------------------------------------------------------

    def start(self, *args: Any) -> None:
        """Start the process and make the object; harmless if it is there.

        Args:
            *args: for the method to begin with, now and after each restart.

        Raises:
            TaskCancelled: the task was cancelled; the host is stopped then.
            WorkerCrashed: the process died of it.
            Exception: whatever the factory, or the method to begin with, raised.
        """
        with self._changed:
            if self._state is HostState.STOPPED:
                self._stopping = threading.Event()
                self._error = None
                self._begin_with = args
                self._state = HostState.STARTING
                self._supervisor = threading.Thread(
                    target=self._supervise,
                    args=(self._stopping,),
                    name=f"xy-supervise-{self.name}",
                    daemon=True,
                )
                self._supervisor.start()
        settled = (HostState.READY, HostState.FAILED, HostState.STOPPED)
        try:
            self._wait(lambda: self._state in settled)
        except TaskCancelled:
            self.stop()
            raise
        if self._state is HostState.STOPPED and self._error is not None:
            raise self._error
        if self._state is not HostState.READY:
            raise self._unavailable()

    def stop(self) -> None:
        """Cancel what runs, and end the process within ``stop_timeout``; harmless if it has."""
        with self._changed:
            self._stopping.set()
            process, supervisor = self._process, self._supervisor
            self._changed.notify_all()
        if process is not None:
            process.stop(self._config.stop_timeout)
        if supervisor is not None and supervisor is not threading.current_thread():
            supervisor.join(self._config.stop_timeout)

    # -- calls ---------------------------------------------------------------------------------

    @contextmanager
    def exchange(self, kind: Kind, method: str, args: Any, kwargs: Any) -> Iterator[CallInFlight]:
        """See `HostCalls`."""
        process = self._enter()
        report_node(process.node)
        try:
            content = (method, args, kwargs, WINDOW)
            with process.begin(kind, content, self._config.cancel_grace) as exchange:
                yield exchange
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def _enter(self) -> ModelProcess:
        """Wait for a process with a free place, and take one."""

        def found() -> tuple[ModelProcess | None] | None:
            process = self._process
            if self._stopping.is_set() or self._state in {HostState.STOPPED, HostState.FAILED}:
                return (None,)
            ready = self._state is HostState.READY and self._calls < self._config.calls
            return (process,) if ready and process and not process.ended.is_set() else None

        with self._changed:
            process: ModelProcess | None = (found() or self._wait(found))[0]
            if process is None:
                raise self._unavailable()
            self._calls += 1
            return process

    def _wait(self, condition: Callable[[], object]) -> Any:
        """Wait until the condition is met and return its value, unless the task is cancelled."""
        token = current_token.get() or CancelToken()
        with token.waking(self._notify), self._changed:
            met = self._changed.wait_for(lambda: token.cancelled or condition())
        checkpoint()
        return met

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _unavailable(self) -> WorkerUnavailable:
        if self._state is HostState.FAILED:
            return WorkerUnavailable(
                f"the process of model {self.name!r} keeps ending: {self._error}; it is tried "
                f"again {self._config.window:g} s after the last time"
            )
        return WorkerUnavailable(f"the process of model {self.name!r} is not running: load it")

    # -- supervision ---------------------------------------------------------------------------

    def _supervise(self, stopping: threading.Event) -> None:
        """Keep a process running until the host is stopped; the first must start well."""
        policy = RestartPolicy(self._config)
        begun = False
        while not stopping.is_set():
            try:
                process = self._launch(stopping)
                begun = True
                self._watch(process)
            except Exception as error:  # noqa: BLE001 - whatever the factory raises
                self._error = error
                if stopping.is_set() or not begun:
                    break
                notes = "\n".join(getattr(error, "__notes__", ()))
                log.warning("model process failed", model=self.name, error=str(error), notes=notes)
                # Its traceback would keep the dead process's memory and files until the next dies.
                self._error = error.with_traceback(None)
            if not stopping.is_set():
                died = self._process is None or not self._process.deliberate
                pause = policy.pause() if died else 0.0
                resting = died and policy.resting
                self._become(HostState.FAILED if resting else HostState.RESTARTING, None)
                stopping.wait(pause)
                self.restarts += 1
        self._become(HostState.STOPPED, None)

    def _launch(self, stopping: threading.Event) -> ModelProcess:
        """Start a process and make the object in it."""
        config = self._config
        process = self._open(self.name, config)
        self._become(HostState.STARTING, process)
        if stopping.is_set():
            process.kill("was not needed any more", deliberate=True)
        try:
            making = (*self._making, self._begin_with)
            with process.begin(Kind.MAKE, making, config.stop_timeout) as exchange:
                exchange.result(config.start_timeout)
        except BaseException:
            process.kill("could not make its model")
            raise
        self._become(HostState.READY, process)
        return process

    def _watch(self, process: ModelProcess) -> None:
        """Return when the process was ended, or raise when it has died."""
        config = self._config
        while not process.ended.wait(config.ping_every):
            if process.ping() > config.ping_timeout:
                process.kill(f"was killed: no sign of life for {config.ping_timeout:g} s")
        if not process.deliberate:
            raise process.crash()

    def _become(self, state: HostState, process: ModelProcess | None) -> None:
        with self._changed:
            self._state, self._process = state, process
            self._changed.notify_all()
