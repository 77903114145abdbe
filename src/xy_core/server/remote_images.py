"""Pictures by address, fetched so that a client cannot make the server reach inside.

What is guarded against is server-side request forgery (OWASP: SSRF). A name is resolved here, each
of its addresses must be one of the public internet, and the connection goes to the address that
was checked: nothing resolves the name again. Redirects pass the same way.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx
from typing_extensions import override

from xy_core.core.errors import ImageError
from xy_core.server.config import RemoteImagesConfig
from xy_core.server.errors import ApiError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns all addresses of a host."""

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")
_NUMERIC = re.compile(r"(?:^|\.)(?:0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)
"""The end of a host that programs read as an address: 127.1, 0177.0.0.1, 2130706433, 0x7f000001
(WHATWG URL, "ends in a number")."""


class RemoteImages:
    """Fetches pictures for clients, if that is switched on."""

    def __init__(
        self,
        config: RemoteImagesConfig,
        *,
        resolve: Resolve | None = None,
        network: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make it.

        Args:
            config: whether, and how much.
            resolve: finds addresses; the system's resolver if None.
            network: carries requests to checked addresses; one connection each if None.
        """
        self._config = config
        self._resolve = resolve or _system_resolve
        self._network = network
        self._trusted: ssl.SSLContext | None = None
        self._places = asyncio.Semaphore(config.at_a_time)

    async def fetch(self, url: str) -> bytes:
        """Return the bytes behind an address; whether they are a picture, the decoder finds out.

        Raises:
            ApiError: this is switched off, the address is not allowed, or it took too long.
            ImageError: what is there is too large, or nothing.
        """
        if not self._config.enabled:
            raise ApiError(
                400,
                "pictures by address are not fetched: send a data URL",
                "remote_images_off",
            )
        try:
            async with (
                asyncio.timeout(self._config.seconds),
                self._places,
                await self._client() as client,
            ):
                return await self._read(client, url)
        except TimeoutError:
            raise _refusal("the picture took too long to arrive") from None
        except httpx.TooManyRedirects:
            raise _refusal("the address redirects too often") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise ImageError("the picture could not be fetched: send it as a data URL") from None

    async def _client(self) -> httpx.AsyncClient:
        if self._trusted is None:
            self._trusted = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        # Connections are not kept: the next host at the same address is another one.
        network = self._network or httpx.AsyncHTTPTransport(
            verify=self._trusted,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        return httpx.AsyncClient(
            transport=_CheckedTransport(network, self._resolve),
            follow_redirects=True,
            max_redirects=self._config.redirects,
            timeout=self._config.seconds,
            trust_env=False,
            headers={"accept": "image/*", "accept-encoding": "identity", "user-agent": "xy-core"},
        )

    async def _read(self, client: httpx.AsyncClient, url: str) -> bytes:
        content = bytearray()
        async with client.stream("GET", url) as response:
            if not response.is_success:
                raise ImageError(f"the picture's server answers {response.status_code}")
            async for part in response.aiter_raw():  # not unpacked: a bomb stays small
                content += part
                if len(content) > self._config.bytes:
                    raise ImageError(f"the picture is larger than {self._config.bytes:,} bytes")
        return bytes(content)


class _CheckedTransport(httpx.AsyncBaseTransport):
    """Checks where each request goes, redirected ones too, and sends it exactly there."""

    def __init__(self, network: httpx.AsyncBaseTransport, resolve: Resolve) -> None:
        self._network = network
        self._resolve = resolve

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        _check_url(request.url)
        addresses = await self._resolve(host, request.url.port or 0)
        if not addresses or not all(is_public(address) for address in addresses):
            raise _refusal("the address does not lead to the public internet")
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=addresses[0]),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": host},
        )
        return await self._network.handle_async_request(pinned)

    @override
    async def aclose(self) -> None:
        await self._network.aclose()


def is_public(text: str) -> bool:
    """Return whether an address is one of the public internet, whatever it is wrapped in."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is None:
            return address in _UNICAST and address.is_global and address.scope_id is None
        address = inner
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the older address to which a newer one leads (RFC 4291, 3056, 6052, 4380)."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _TEREDO:
        return IPv4Address(0)  # goes through whatever relay it names: never public
    return address.ipv4_mapped or address.sixtofour


def _check_url(url: httpx.URL) -> None:
    if url.scheme not in {"http", "https"}:
        raise _refusal("the address does not begin with https:// or http://")
    if url.userinfo:
        raise _refusal("the address holds a name or a password")
    host = url.host
    try:
        plain = ip_address(host).version > 0
    except ValueError:
        plain = False
    if not host or (not plain and _NUMERIC.search(host)):
        raise _refusal("the address holds no proper host")


async def _system_resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]


def _refusal(message: str) -> ApiError:
    return ApiError(400, f"{message}: send a data URL", "remote_image_refused")
