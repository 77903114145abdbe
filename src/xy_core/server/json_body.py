"""JSON bodies that are not nested deeper than anything sensible is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from typing_extensions import override

from xy_core.server.config import ServerConfig
from xy_core.server.errors import Refused


class JsonRoute(APIRoute):
    """The route class of endpoints that take JSON."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_BoundedRequest(request.scope, request.receive))

        return handle


class _BoundedRequest(Request):
    @override
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            config: ServerConfig = self.app.state.config
            self._json = _parsed(await self.body(), config.limits.json_depth)
        return self._json


def _parsed(body: bytes, depth: int) -> Any:  # noqa: ANN401 - any JSON
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {error}", "invalid_json") from None
    if body.count(b"[") + body.count(b"{") > depth and _deeper(value, depth):
        raise Refused(400, f"the JSON is nested deeper than {depth} levels", "too_deep")
    return value


def _deeper(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        children: list[object] = []
        for one in level:
            if isinstance(one, dict):
                children.extend(one.values())
            elif isinstance(one, list):
                children.extend(one)
        if not children:
            return False
        level = children
    return any(isinstance(one, dict | list) for one in level)
