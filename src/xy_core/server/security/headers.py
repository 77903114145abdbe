"""Headers that keep browsers from doing harm with what the server sends."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_ONLY_TLS = ("strict-transport-security", "max-age=31536000")


class SecurityHeaders:
    """Adds what an answer does not say itself: pages bring a content policy of their own."""

    def __init__(self, *, tls: bool) -> None:
        self._headers = dict(_HEADERS)
        if tls:
            self._headers[_ONLY_TLS[0]] = _ONLY_TLS[1]

    def add(self, headers: MutableHeaders) -> None:
        """Complete the headers of an answer."""
        for name, value in self._headers.items():
            headers.setdefault(name, value)
