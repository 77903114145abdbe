"""Refuses requests that a foreign web page sends through somebody's browser.

A page that lets its own name resolve to this machine (DNS rebinding) shows itself by that name in
``Host``; one that calls us openly, by ``Origin`` or ``Sec-Fetch-Site``.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from xy_core.server.config import LOCAL_NAMES, ServerConfig
from xy_core.server.errors import ApiError


class Gate:
    """Lets pass what is addressed to us, by programs, by our own pages, and by trusted ones."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._only_loopback = config.loopback
        self._names = {*LOCAL_NAMES, *(name.lower() for name in config.hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in config.origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or raise `ApiError`."""
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            self._check_host(headers.getlist("host"))
            self._check_origin(scope, headers)
        await self._app(scope, receive, send)

    def _check_host(self, given: list[str]) -> None:
        if len(given) != 1 or not self._is_ours(_name(given[0])):
            raise ApiError(
                421,
                "the Host header names no host of this server: add it to server.hosts",
                "wrong_host",
            )

    def _is_ours(self, name: str) -> bool:
        """An address cannot be rebound: a browser sends the name that it has looked up."""
        if name in self._names:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._only_loopback

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is not None:
            own = urlsplit(origin).netloc.lower() == headers["host"].lower()
            if not own and origin.lower() not in self._origins:
                raise _foreign()
        elif headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not _link(
            scope, headers
        ):
            raise _foreign()


def _link(scope: Scope, headers: Headers) -> bool:
    """Whether somebody follows a link to a page of ours, which does no harm."""
    return scope.get("method") == "GET" and headers.get("sec-fetch-mode") == "navigate"


def _foreign() -> ApiError:
    return ApiError(
        403,
        "pages of another origin may not call this server: add it to server.origins",
        "wrong_origin",
    )


def _name(host: str) -> str:
    """Return a Host header without its port, in lower case; empty if it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
