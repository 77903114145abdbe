"""One call in flight to an actor, as its caller sees it."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from xy_core.cluster.connection import ray_library
from xy_core.cluster.packing import Unopened
from xy_core.core.host_exchange import Exchange
from xy_core.core.host_link import Kind, Message

if TYPE_CHECKING:
    from xy_core.cluster.actor import ActorProcess

_LOOK = 0.1
"""Seconds after which a call that waits looks whether it was cancelled."""


class ActorCall(Exchange):
    """A call whose outcome is delivered, or which waits in Ray for one of its own.

    The second takes one change of threads less, a twentieth of a short call's time.

    Attributes:
        reference: to the outcome, if the call went alone; None if it is delivered.
    """

    def __init__(self, process: ActorProcess, number: int, grace: float) -> None:
        super().__init__(process, number, grace)
        self._actor = process
        self.reference: Any = None

    def _receive(self, timeout: float | None) -> Message | None:
        if self.reference is None:
            return super()._receive(timeout)
        ray = ray_library()
        latest = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                packed = ray.get(self.reference, timeout=_LOOK)
            except ray.exceptions.GetTimeoutError:
                if self._token.cancelled:
                    return None
                if latest is not None and time.monotonic() > latest:
                    raise queue.Empty from None
            except Exception as error:  # noqa: BLE001 - whatever the model, or Ray, raises
                return self._actor.outcome(self.number, error)
            else:
                return Message(Kind.RESULT, self.number, Unopened(packed))
