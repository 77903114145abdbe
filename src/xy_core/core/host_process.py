"""One process of a host, as its parent sees it: from its start to its end."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress
from typing import Any

from xy_core.core.child import SPAWN, WorkerLimits, fate, reap
from xy_core.core.config import HostConfig
from xy_core.core.errors import WorkerCrashed
from xy_core.core.host_child import live
from xy_core.core.host_environment import host_environment
from xy_core.core.host_exchange import Exchange
from xy_core.core.host_link import Kind, Link
from xy_core.core.host_log import ProcessLog
from xy_core.core.shared_arrays import Inbox, Outbox, shared_memory


def open_here(name: str, config: HostConfig) -> HostProcess:
    """Start a model's process on this machine."""
    limits = WorkerLimits(config.memory, config.cores, config.nice)
    return HostProcess(name, limits, config.shared_memory)


class HostProcess:
    """A process on this machine, and the calls in flight to it; a `ModelProcess`.

    The thread that makes one must live as long as the process (see `settle_in`).

    Attributes:
        ended: set once the process is gone.
        deliberate: whether it was killed for no fault of its model.
    """

    def __init__(self, model: str, limits: WorkerLimits, shared_bytes: int) -> None:
        incoming, outgoing = shared_memory(shared_bytes), shared_memory(shared_bytes)
        pipe, far_pipe = SPAWN.Pipe()
        output, far_output = SPAWN.Pipe(duplex=False)
        self._process = SPAWN.Process(
            target=live,
            args=(far_pipe, far_output, outgoing, incoming, limits),
            name=f"xy-{model}",
            daemon=True,
        )
        with host_environment():
            self._process.start()
        far_pipe.close()
        far_output.close()
        self._limits = limits
        self.ended = threading.Event()
        self.deliberate = False
        self._model = model
        self._fate = ""
        self._link = Link(pipe, Outbox(outgoing), Inbox(incoming))
        self._log = ProcessLog(output, model, self.pid)
        self._calls: dict[int, Exchange] = {}
        self._numbers = itertools.count(1)
        self._heard = time.monotonic()
        self._asked: float | None = None
        threading.Thread(target=self._read, name=f"xy-host-{model}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid or 0

    @property
    def node(self) -> str:
        """See `ModelProcess`."""
        return ""

    @property
    def memory_limit(self) -> int | None:
        """See `Partner`."""
        return self._limits.memory

    def begin(self, kind: Kind, content: Any, grace: float) -> Exchange:
        """See `ModelProcess`."""
        exchange = Exchange(self, next(self._numbers), grace)
        self._calls[exchange.number] = exchange
        if self.ended.is_set():
            exchange.wake()  # the thread that reads has told the calls of then, and gone
        try:
            self.send(kind, exchange.number, content)
        except BaseException:
            self.forget(exchange)
            raise
        return exchange

    def send(self, kind: Kind, number: int = 0, content: Any = None) -> None:
        """Send a message; nobody hears it if the process is gone.

        Raises:
            InvalidTaskError: the content cannot be pickled.
        """
        with suppress(OSError):
            self._link.send(kind, number, content)

    def forget(self, exchange: Exchange) -> None:
        """Stop listening for a call that has ended."""
        self._calls.pop(exchange.number, None)

    def crash(self) -> WorkerCrashed:
        """Return the error of a call that this process did not survive."""
        error = WorkerCrashed(f"the process of model {self._model!r} ({self.pid}) {self._fate}")
        if lines := self._log.last_lines():
            error.add_note(f"the last that it printed:\n{lines}")
        return error

    # -- its health and its end ----------------------------------------------------------------

    def ping(self) -> float:
        """Ask for a sign of life; return for how many seconds an earlier question has waited."""
        if self._asked is not None:
            return time.monotonic() - max(self._asked, self._heard)
        self._asked = time.monotonic()
        self._link.tidy()
        self._say(Kind.PING)
        return 0.0

    def stop(self, timeout: float) -> None:
        """Ask the process to cancel its calls and to end; kill it if it does not."""
        self.deliberate = True
        self._say(Kind.STOP)
        if not self.ended.wait(timeout):
            self.kill(f"was killed: it did not stop within {timeout:g} s", deliberate=True)

    def kill(self, reason: str, *, deliberate: bool = False) -> None:
        """End the process at once, and wait until it is gone."""
        self.deliberate = self.deliberate or deliberate
        self._fate = self._fate or reason
        reap(self._process)
        self.ended.wait(1.0)

    def _say(self, kind: Kind) -> None:
        """Send without waiting: the pipe to a process that hangs may be full."""
        threading.Thread(target=self.send, args=(kind,), daemon=True).start()

    def _read(self) -> None:
        """Hand each message to the call that it belongs to, until the process is gone."""
        with suppress(EOFError, OSError):
            while True:
                message = self._link.receive()
                self._heard = time.monotonic()
                if message.kind is Kind.PONG:
                    self._asked = None
                elif (exchange := self._calls.get(message.call)) is not None:
                    exchange.deliver(message)
                    del exchange
                del message  # or its memory would be held until the next one comes
        how = fate(self._process)
        self._fate = self._fate or how
        reap(self._process)
        self._link.close()
        self.ended.set()
        for exchange in tuple(self._calls.values()):
            exchange.wake()
