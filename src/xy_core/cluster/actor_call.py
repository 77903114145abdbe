"""One call in flight to an actor, as its caller sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from xy_core.cluster.connection import ray_library
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import InvalidTaskError, TaskCancelled
from xy_core.core.host_exchange import WINDOW
from xy_core.core.host_link import Kind

if TYPE_CHECKING:
    from xy_core.cluster.actor import ActorProcess

_LOOK = 0.1
"""Seconds after which a call that waits looks whether it was cancelled."""


class ActorCall:
    """A call; leaving its context before it has ended cancels it. A `CallInFlight`."""

    def __init__(
        self,
        process: ActorProcess,
        number: int,
        kind: Kind,
        content: Any,  # noqa: ANN401 - as `ModelProcess` has it
        grace: float,
    ) -> None:
        self._process = process
        self._number = number
        self._grace = grace
        self._token = current_token.get() or CancelToken()
        self._waking = self._token.waking(self._cancel)
        self._over = False
        self._answer = _send(process, number, kind, content)

    def __enter__(self) -> Self:
        self._waking.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._waking.__exit__(kind, error, traceback)
        if not self._over:
            self._end()

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401 - as the method has it
        """See `CallInFlight`."""
        result = self._get(self._answer, timeout)
        self._over = True
        return result

    def items(self) -> Iterator[Any]:
        """See `CallInFlight`."""
        ray = ray_library()
        while True:
            if not ray.wait([self._answer], timeout=_LOOK, fetch_local=False)[0]:
                self._look()
                continue
            try:
                reference = next(self._answer)
            except StopIteration:
                self._over = True
                return
            yield self._get(reference)

    def _get(self, reference: Any, timeout: float | None = None) -> Any:  # noqa: ANN401
        ray = ray_library()
        errors = ray.exceptions
        latest = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return ray.get(reference, timeout=_LOOK)
            except errors.GetTimeoutError:
                self._look()
                if latest is not None and time.monotonic() > latest:
                    self._over = True
                    self._process.kill(f"was killed: it was not ready after {timeout:g} s")
                    raise self._process.crash() from None
            except errors.RayTaskError as error:
                self._over = True
                raise error.cause or error from None
            except (errors.RayActorError, errors.ObjectLostError) as error:
                self._over = True
                raise self._process.lose(error) from None
            except errors.RayError as error:
                self._over = True
                raise InvalidTaskError(
                    f"a result of {self._process.name} is lost: {error}"
                ) from error

    def _look(self) -> None:
        if self._token.cancelled:
            raise TaskCancelled("the task was cancelled while a model's process worked for it")

    def _cancel(self) -> None:
        self._process.cancel(self._number)

    def _end(self) -> None:
        """Ask the call to end, and kill the process if it does not: nothing else frees it."""
        self._cancel()
        deadline = time.monotonic() + self._grace
        while not self._process.ended.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                reason = f"was killed: a cancelled call did not end within {self._grace:g} s"
                self._process.kill(reason, deliberate=True)
                return
            if self._has_ended(left):
                return

    def _has_ended(self, within: float) -> bool:
        """Whether the call is over; takes an item that is under way, or waits for the next."""
        ray = ray_library()
        if not ray.wait([self._answer], timeout=min(_LOOK, within), fetch_local=False)[0]:
            return False
        return next(self._answer, None) is None if hasattr(self._answer, "__next__") else True


def _send(process: ActorProcess, number: int, kind: Kind, content: Any) -> Any:  # noqa: ANN401
    """Send a call and return the reference to its result, or the stream of references."""
    actor = process.actor
    try:
        if kind is Kind.MAKE:
            return actor.make.remote((number, content))
        method, args, kwargs, _ = content
        if kind is Kind.CALL:
            return actor.call.remote((number, method, args, kwargs))
        return actor.stream.options(
            num_returns="streaming", _generator_backpressure_num_objects=WINDOW
        ).remote((number, method, args, kwargs))
    except TypeError as error:
        raise InvalidTaskError(
            f"what {process.name} was given cannot be pickled: {error}"
        ) from error
