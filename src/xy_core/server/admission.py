"""How urgent a request is, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from xy_core.core.task import TaskPriority
from xy_core.server.config import LimitsConfig
from xy_core.server.errors import ApiError

_CLASSES = {
    "interactive": TaskPriority.HIGH,
    "default": TaskPriority.HIGH,
    "batch": TaskPriority.LOW,
}
_BATCH_TIER = "flex"
"""OpenAI's name for cheap work that may wait or be refused."""


class Admission:
    """Counts requests that are served or wait; refuses more, and batch work long before."""

    def __init__(self, app: ASGIApp, limits: LimitsConfig) -> None:
        self._app = app
        self._limits = limits
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or raise `ApiError`."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        priority = _priority(Headers(scope=scope))
        self.check(priority)
        scope["state"] |= {"priority": priority, "admission": self}
        with self._counted():
            await self._app(scope, receive, send)

    def check(self, priority: TaskPriority) -> None:
        """Refuse what there is no room for.

        Raises:
            ApiError: too many requests are under way for work of this priority.
        """
        batch = priority is TaskPriority.LOW
        most = self._limits.batch_requests if batch else self._limits.requests
        if self._open >= most:
            raise ApiError(
                429,
                "too many requests are under way: try again soon",
                "server_busy",
                headers={"Retry-After": "10" if batch else "1"},
            )

    def of_tier(self, priority: TaskPriority, service_tier: str | None) -> TaskPriority:
        """Return the priority of a request whose body names a tier.

        Raises:
            ApiError: there is no room for it.
        """
        if service_tier != _BATCH_TIER or priority is TaskPriority.LOW:
            return priority
        self.check(TaskPriority.LOW)
        return TaskPriority.LOW

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


def _priority(headers: Headers) -> TaskPriority:
    given = headers.get("x-priority", "interactive").lower()
    if given not in _CLASSES:
        raise ApiError(400, f"X-Priority: give one of {', '.join(_CLASSES)}", "invalid_value")
    return _CLASSES[given]
