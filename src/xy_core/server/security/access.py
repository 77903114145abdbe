"""Who may ask for what, and how often."""

from __future__ import annotations

import math
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from xy_core.core.errors import ConfigError
from xy_core.server.config import ServerConfig
from xy_core.server.errors import ApiError
from xy_core.server.security.keys import KeyStore
from xy_core.server.security.keys import Scope as KeyScope
from xy_core.server.security.rate import RateLimit

_PUBLIC = frozenset({"/healthz", "/readyz", "/"})
_PAGE = "/web/"
"""The page's own files, which hold no data: without them nobody could enter a key."""
_SCOPES = (
    ("/v1/memory", KeyScope.MEMORY),
    ("/v1/tasks", KeyScope.ADMIN),
    ("/v1/events", KeyScope.ADMIN),
    ("/v1/runtime", KeyScope.ADMIN),
    ("/v1/catalogue", KeyScope.ADMIN),
    ("/v1/config", KeyScope.ADMIN),
    ("/v1/", KeyScope.INFERENCE),
    ("/openapi.json", KeyScope.INFERENCE),
)
"""The scope that a path needs, by its beginning, the first that fits; ADMIN for all others."""
_WEBSOCKET_KEY = "openai-insecure-api-key."
"""How OpenAI's clients in browsers, which cannot set headers, hand over a key."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        id: the key's id, or the address of somebody without one.
        scopes: what they may ask for.
    """

    id: str
    scopes: frozenset[KeyScope]


class Access:
    """Asks for a key where one is needed, and counts requests."""

    def __init__(self, app: ASGIApp, config: ServerConfig, store: KeyStore) -> None:
        self._app = app
        self._store = store
        self._required = config.require_keys or not config.loopback
        self._requests = RateLimit(config.limits.per_minute)
        self._failures = RateLimit(config.limits.failures_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or raise `ApiError`."""
        if scope["type"] in {"http", "websocket"} and not _is_public(scope["path"]):
            principal = self._principal(scope)
            self._check_rate(principal)
            needed = scope_of(scope["path"])
            if needed not in principal.scopes:
                raise ApiError(
                    403, f"this key may not be used for that: it lacks {needed}", "missing_scope"
                )
            scope["state"]["principal"] = principal
        await self._app(scope, receive, send)

    def _principal(self, scope: Scope) -> Principal:
        address = scope["client"][0] if scope.get("client") else "local"
        if not (self._required or self._store.records()):
            return Principal(address, frozenset(KeyScope))
        key = _presented(Headers(scope=scope))
        record = self._store.find(key) if key else None
        if record is None:
            # Others behind the same address go on: a right key passes in any case.
            wait = self._failures.take(address)
            if wait > 0:
                raise _too_many("too many wrong keys came from this address", wait)
            raise ApiError(
                401,
                "no valid API key was given: send  Authorization: Bearer KEY  (xy-core keys add)",
                "invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Principal(record.id, frozenset(record.scopes))

    def _check_rate(self, principal: Principal) -> None:
        wait = self._requests.take(principal.id)
        if wait > 0:
            raise _too_many("too many requests came in the last minute", wait)


def scope_of(path: str) -> KeyScope:
    """Return the scope that a request of a path needs."""
    return next((scope for start, scope in _SCOPES if path.startswith(start)), KeyScope.ADMIN)


def _is_public(path: str) -> bool:
    return path in _PUBLIC or path.startswith(_PAGE)


def refuse_open_door(config: ServerConfig, store: KeyStore) -> None:
    """Refuse to listen where others can reach it, as long as there are no keys.

    Raises:
        ConfigError: keys are needed and there are none.
    """
    if (config.require_keys or not config.loopback) and not store.records():
        raise ConfigError(
            f"to listen on {config.host} API keys are needed: make one with  xy-core keys add NAME "
            " or listen on 127.0.0.1"
        )


def _presented(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and key:
        return key.strip()
    offered = headers.get("sec-websocket-protocol", "").split(",")
    named = (one.strip() for one in offered)
    return next(
        (one.removeprefix(_WEBSOCKET_KEY) for one in named if one.startswith(_WEBSOCKET_KEY)), ""
    )


def _too_many(message: str, wait: float) -> ApiError:
    seconds = max(1, math.ceil(wait))
    return ApiError(
        429, f"{message}: wait {seconds} s", "rate_limit", headers={"Retry-After": str(seconds)}
    )
