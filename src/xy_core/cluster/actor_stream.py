"""A stream from an actor, as its consumer sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from xy_core.cluster.connection import ray_library
from xy_core.cluster.packing import unpack
from xy_core.core.call_context import CallContext
from xy_core.core.errors import InvalidTaskError
from xy_core.core.host_link import Kind

if TYPE_CHECKING:
    from xy_core.cluster.actor import ActorProcess

_LOOK = 0.1
"""Seconds after which a consumer that waits looks whether it was cancelled."""


class ActorStream(CallContext):
    """A generator of Ray's, whose items are read on the consumer's thread; a `CallInFlight`."""

    def __init__(self, process: ActorProcess, number: int, grace: float, items: Any) -> None:  # noqa: ANN401 - Ray is untyped
        super().__init__(process, number, grace)
        self._actor = process
        self._items = items

    def result(self, timeout: float | None = None) -> NoReturn:  # noqa: ARG002 - as there
        """Streams have items only: `CallInFlight` is one protocol for both."""
        raise InvalidTaskError("a stream has no result: read its items")

    def items(self) -> Iterator[Any]:
        """See `CallInFlight`."""
        ray = ray_library()
        while True:
            if not ray.wait([self._items], timeout=_LOOK, fetch_local=False)[0]:
                self._look()
                continue
            try:
                reference = next(self._items)
            except StopIteration:
                self._over = True
                return
            yield self._get(reference)

    def wake(self) -> None:
        """See `CallContext`: it is told at once, and notices itself at its next look."""
        self._process.send(Kind.CANCEL, self.number)

    def _get(self, reference: Any) -> Any:  # noqa: ANN401 - an item, whatever it is
        ray = ray_library()
        errors = ray.exceptions
        while True:
            try:
                return unpack(ray.get(reference, timeout=_LOOK))
            except errors.GetTimeoutError:
                self._look()
            except errors.RayTaskError as error:
                self._over = True
                raise error.cause or error from None
            except (errors.RayActorError, errors.ObjectLostError) as error:
                self._over = True
                self._actor.note(error)
                raise self._process.crash() from None
            except errors.RayError as error:
                self._over = True
                raise InvalidTaskError(f"an item of {self._actor.name} is lost: {error}") from error

    def _ends_within(self, seconds: float) -> bool:
        """Take an item that is under way, or wait for the next."""
        ray = ray_library()
        wait = min(_LOOK, seconds)
        ready = ray.wait([self._items], timeout=wait, fetch_local=False)[0]
        return bool(ready) and next(self._items, None) is None
