"""Calls to an actor: those that are ready at the same moment share one message."""

from __future__ import annotations

import functools
import pickle
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from xy_core.cluster.connection import ray_library
from xy_core.cluster.packing import Packed, Unopened, shares
from xy_core.core.errors import InvalidTaskError
from xy_core.core.host_link import Kind, Message

Answer = tuple[int, Packed] | None
"""RESULT or ERROR, and which; None if it is to be fetched."""


def not_sent(error: Exception) -> InvalidTaskError:
    """Return the error of a call that Ray could not pickle."""
    return InvalidTaskError(f"what a model was given cannot be pickled: {error}")


class Mail:
    """Sends calls to one actor and hands over their outcomes, one by one.

    A message costs Ray the same whatever it holds, so calls that come while one is being sent
    wait for the next message, which takes them all. Outcomes that are not there soon, or hold
    arrays, are fetched by messages of their own: no call waits for another one's end.
    """

    def __init__(
        self,
        actor: Any,  # noqa: ANN401 - Ray is untyped
        deliver: Callable[[Message], None],
        fail: Callable[[int, BaseException], None],
    ) -> None:
        """Send nothing yet.

        Args:
            actor: has the methods of `Guest`.
            deliver: takes a call's outcome, on any thread; must not block.
            fail: takes the number of a call, and what Ray raised instead of its outcome; the same.
        """
        self._call, self._calls = actor.call.remote, actor.calls.remote
        self._fetch = actor.fetch.remote
        self._deliver = deliver
        self._fail_one = fail
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._sending = threading.Lock()

    def send(self, number: int, packed: Packed) -> Any:  # noqa: ANN401 - Ray is untyped
        """Send a call, with those that have come meanwhile.

        Returns:
            The reference to its outcome if it went alone; None if that is delivered.

        Raises:
            InvalidTaskError: it cannot be pickled.
        """
        if not shares(packed):
            return self._post_alone(number, packed)
        if not self._waiting and self._sending.acquire(blocking=False):
            try:
                return self._post_alone(number, packed)
            finally:
                self._sending.release()
                self._empty()
        self._waiting.append((number, packed))
        self._empty()
        return None

    def _post_alone(self, number: int, packed: Packed) -> Any:  # noqa: ANN401 - the same
        try:
            return self._call(number, packed)
        except (TypeError, pickle.PicklingError) as error:
            raise not_sent(error) from error

    def send_by(self, method: Callable[..., Any], number: int, packed: Packed) -> None:
        """Send a call by a method of the actor that takes a single one, without waiting.

        Raises:
            InvalidTaskError: it cannot be pickled.
        """
        try:
            self._await([number], method(number, packed), self._one)
        except (TypeError, pickle.PicklingError) as error:
            raise not_sent(error) from error

    def _empty(self) -> None:
        """Send what waits, unless another thread does: it looks again after each message."""
        while self._waiting and self._sending.acquire(blocking=False):
            try:
                letters = [self._waiting.popleft() for _ in range(len(self._waiting))]
                if letters:
                    self._post(letters)
            finally:
                self._sending.release()

    def _post(self, letters: list[tuple[int, bytes]]) -> None:
        numbers = [number for number, _ in letters]
        try:
            if len(letters) == 1:
                self._await(numbers, self._call(*letters[0]), self._one)
            else:
                self._await(numbers, self._calls(pickle.dumps(letters, 5)), self._all)
        except Exception as error:  # noqa: BLE001 - of Ray, and perhaps for another thread's call
            self._fail(numbers, error)

    # -- outcomes, on a thread of Ray's ------------------------------------------------------

    def _await(
        self,
        numbers: list[int],
        reference: Any,  # noqa: ANN401 - Ray is untyped
        take: Callable[[list[int], Any], None],
    ) -> None:
        arrived = functools.partial(self._arrived, numbers, take)
        reference.future().add_done_callback(arrived)

    def _arrived(
        self, numbers: list[int], take: Callable[[list[int], Any], None], future: Future[Any]
    ) -> None:
        error = future.exception()
        if error is None:
            take(numbers, future.result())
        else:
            self._fail(numbers, error)

    def _one(self, numbers: list[int], packed: Packed) -> None:
        self._deliver(Message(Kind.RESULT, numbers[0], Unopened(packed)))

    def _all(self, numbers: list[int], packed: bytes) -> None:
        answers: list[Answer] = pickle.loads(packed)  # noqa: S301 - of our own guest
        for number, answer in zip(numbers, answers, strict=True):
            if answer is None:
                self._await([number], self._fetch(number), self._one)
            else:
                self._deliver(Message(Kind(answer[0]), number, Unopened(answer[1])))

    def _fail(self, numbers: list[int], error: BaseException) -> None:
        for number in numbers:
            self._fail_one(number, error)


def error_of(error: BaseException) -> BaseException | None:
    """Return what a call's caller is to get for what Ray raised; None if the actor is lost."""
    errors = ray_library().exceptions
    if isinstance(error, errors.RayTaskError):
        cause: BaseException | None = error.cause
        return cause or error
    if isinstance(error, (errors.RayActorError, errors.ObjectLostError)):
        return None
    return InvalidTaskError(f"a result of a model is lost: {error}")
