"""Pictures by address: fetched from the public internet, and from nowhere else."""

from __future__ import annotations

import asyncio
import io

import httpx
import pytest
from PIL import Image

from xy_core.core.errors import ImageError
from xy_core.server.config import RemoteImagesConfig
from xy_core.server.errors import ApiError
from xy_core.server.remote_images import RemoteImages, is_public

PUBLIC, OTHER = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address that is refused
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:0:1::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "no address",
]


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    return buffer.getvalue()


class Site:
    """A web server on a loopback socket, which stands for every public host."""

    def __init__(self):
        self.heads = []
        self.closed = asyncio.Event()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split()[1]
        try:
            await getattr(self, path.strip("/").partition("?")[0])(path, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.closed.set()

    @staticmethod
    async def picture(_path, writer):
        await Site.answer(writer, png())

    @staticmethod
    async def text(_path, writer):
        await Site.answer(writer, b"<html>not a picture</html>")

    @staticmethod
    async def answer(writer, content):
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    @staticmethod
    async def to(path, writer):
        target = path.partition("?")[2]
        writer.write(f"HTTP/1.1 302 Found\r\nlocation: {target}\r\n\r\n".encode())
        await writer.drain()

    @staticmethod
    async def missing(_path, writer):
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    @staticmethod
    async def endless(_path, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    @staticmethod
    async def slow(_path, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)


class Internet(httpx.AsyncBaseTransport):
    """Carries what is sent to a public address to the local server; notes where it was sent."""

    def __init__(self, port):
        self.port = port
        self.reached = []
        self.real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        self.reached.append(request.url.host)
        assert is_public(request.url.host)
        local = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        return await self.real.handle_async_request(
            httpx.Request("GET", local, headers=request.headers, extensions=request.extensions)
        )

    async def aclose(self):
        await self.real.aclose()


class Names:
    """A resolver whose answers are given; the last one stays."""

    def __init__(self):
        self.answers = {"a.example": [[PUBLIC]]}
        self.asked = []

    async def __call__(self, host, _port):
        self.asked.append(host)
        known = self.answers.get(host, [[host]])
        return known.pop(0) if len(known) > 1 else known[0]


@pytest.fixture
def site():
    return Site()


@pytest.fixture
async def internet(site):
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    async with server:
        yield Internet(server.sockets[0].getsockname()[1])


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def remote(internet, names):
    config = RemoteImagesConfig(enabled=True, bytes=200_000, seconds=3)
    return RemoteImages(config, resolve=names, network=internet)


async def refused(remote, url, code="remote_image_refused"):
    with pytest.raises(ApiError) as error:
        await remote.fetch(url)
    assert error.value.code == code
    assert error.value.status == 400


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, OTHER, "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_addresses_that_are(address):
    assert is_public(address)


async def test_nothing_is_fetched_unless_it_is_switched_on(internet, names):
    off = RemoteImages(RemoteImagesConfig(), resolve=names, network=internet)
    await refused(off, "https://a.example/picture", "remote_images_off")
    assert not names.asked
    assert not internet.reached


async def test_a_picture_is_fetched_under_its_name(remote, internet, site):
    assert await remote.fetch("http://a.example/picture") == png()
    assert internet.reached == [PUBLIC]
    assert "\r\nhost: a.example\r\n" in site.heads[0].lower()
    assert "cookie" not in site.heads[0].lower()


async def test_tls_is_asked_for_the_name_not_the_address(names):
    seen = []

    async def content():
        yield png()

    async def answer(request):
        seen.append((str(request.url), request.extensions["sni_hostname"]))
        return httpx.Response(200, content=content())

    config = RemoteImagesConfig(enabled=True)
    remote = RemoteImages(config, resolve=names, network=httpx.MockTransport(answer))
    await remote.fetch("https://a.example/picture")
    assert seen == [(f"https://{PUBLIC}/picture", "a.example")]


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_inside_is_refused(remote, internet, names, address):
    names.answers["inside.example"] = [[address]]
    names.answers["mixed.example"] = [[PUBLIC, address]]
    await refused(remote, "http://inside.example/picture")
    await refused(remote, "http://mixed.example/picture")
    assert not internet.reached


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/picture",
        "http://[::1]/picture",
        "http://[::ffff:7f00:1]/picture",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/picture",
        "http://0177.0.0.1/picture",
        "http://0x7f000001/picture",
        "http://0x7f.1/picture",
        "http://127.1/picture",
        "http://127.1./picture",
        "http://a.example.1/picture",
        "http://user@a.example/picture",
        "http://a.example:secret@a.example/picture",
        "ftp://a.example/picture",
        "file:///etc/passwd",
        "gopher://a.example/picture",
    ],
)
async def test_addresses_that_mean_harm_are_refused(internet, url):
    remote = RemoteImages(RemoteImagesConfig(enabled=True), network=internet)
    with pytest.raises((ApiError, ImageError)):
        await remote.fetch(url)
    assert not internet.reached


@pytest.mark.parametrize("url", ["", "http://", "http://[::1", "//a.example", "a", "http://a\x00b"])
async def test_what_is_no_address_is_refused(remote, internet, url):
    with pytest.raises((ApiError, ImageError)):
        await remote.fetch(url)
    assert not internet.reached


async def test_redirects_are_followed_to_the_public_only(remote, internet, names):
    names.answers["b.example"] = [[OTHER]]
    assert await remote.fetch("http://a.example/to?http://b.example/picture") == png()
    assert internet.reached == [PUBLIC, OTHER]
    names.answers["inside.example"] = [["10.0.0.1"]]
    for target in ("http://inside.example/x", "http://127.0.0.1/x", "http://u:p@a.example/x"):
        await refused(remote, f"http://a.example/to?{target}")
    with pytest.raises((ApiError, ImageError)):
        await remote.fetch("http://a.example/to?file:///etc/passwd")
    assert set(internet.reached) == {PUBLIC, OTHER}


async def test_redirects_come_to_an_end(remote, internet):
    await refused(remote, "http://a.example/to?/to?/to?/to?/picture")
    assert len(internet.reached) == 4


async def test_a_name_that_changes_its_mind_changes_nothing(remote, internet, names):
    names.answers["turns.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert await remote.fetch("http://turns.example/picture") == png()
    assert internet.reached == [PUBLIC]
    assert names.asked == ["turns.example"]
    await refused(remote, "http://turns.example/picture")


async def test_an_endless_picture_is_cut_off(remote, site):
    with pytest.raises(ImageError, match="larger than 200,000 bytes"):
        await remote.fetch("http://a.example/endless")
    async with asyncio.timeout(5):
        await site.closed.wait()


async def test_a_slow_picture_is_given_up(internet, names, site):
    config = RemoteImagesConfig(enabled=True, seconds=0.3)
    await refused(RemoteImages(config, resolve=names, network=internet), "http://a.example/slow")
    async with asyncio.timeout(5):
        await site.closed.wait()


async def test_what_is_missing_is_said(remote):
    with pytest.raises(ImageError, match="404"):
        await remote.fetch("http://a.example/missing")
    with pytest.raises(ImageError, match="could not be fetched"):
        await remote.fetch("http://a.example/unheard")


@pytest.mark.models
async def test_what_is_fetched_passes_the_same_decoder(remote, tmp_path, model_store):
    from xy_core.runtime import open_runtime  # noqa: PLC0415 - heavy
    from xy_core.server.media import picture_at  # noqa: PLC0415
    from xy_core.settings import load_settings  # noqa: PLC0415

    settings = load_settings(
        overrides={
            "memory": {"path": tmp_path / "memory.db", "embedding": None},
            "models": {"root": model_store.root},
        }
    )
    async with open_runtime(settings, modules=[]) as runtime:
        picture = await picture_at("http://a.example/picture", runtime, remote)
        assert picture.pixels.shape[:2] == (8, 8)
        with pytest.raises(ImageError):
            await picture_at("http://a.example/text", runtime, remote)
