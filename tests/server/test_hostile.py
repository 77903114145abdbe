"""What means harm is refused with the right status, and the server goes on."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import zlib
from contextlib import suppress

import psutil
import pytest
import pytest_asyncio

from xy_core.core.errors import ConfigError
from xy_core.server.security.keys import KeyStore, Scope

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def alive(http):
    """After each attack the server answers, and its memory has not grown by much."""
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    yield
    assert (await http.get("/healthz")).status_code == 200
    assert process.memory_info().rss - before < 100 << 20


async def raw(address, *parts, wait=5.0):
    """Send bytes as they are; returns what comes back until the server closes."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
        async with asyncio.timeout(wait):
            return await reader.read()
    finally:
        writer.close()


def code(answer):
    return answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "8.8.8.8", "", "a b", "[::1", "localhost@x"]
)
async def test_a_wrong_host_is_refused(http, host):
    answer = await http.get("/v1/models", headers={"Host": host})
    assert answer.status_code in {400, 421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:80"])
async def test_a_name_of_ours_is_not(http, host):
    assert (await http.get("/v1/models", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
async def test_a_foreign_page_is_refused(http, headers):
    answer = await http.post("/v1/emotion", json={"text": "a"}, headers=headers)
    assert (answer.status_code, code(answer)) == (403, "wrong_origin")
    assert "access-control-allow-origin" not in answer.headers


async def test_a_trusted_page_may_call(http, serve):
    origin = {"Origin": "https://good.example"}
    async with serve(origins=("https://good.example",)) as address:
        answer = await http.get(f"{address}/v1/models", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://good.example"


async def test_too_large_a_body_is_refused_announced_or_not(http, serve):
    async with serve(limits={"body": 1_000}) as address:
        url = f"{address}/v1/emotion"
        announced = await http.post(url, json={"text": "a" * 2_000})
        assert (announced.status_code, code(announced)) == (413, "body_too_large")

        async def pieces():
            for _ in range(100):
                yield b"a" * 100

        hidden = await http.post(
            url, content=pieces(), headers={"Content-Type": "application/json"}
        )
        assert (hidden.status_code, code(hidden)) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 100_000, "invalid_json"),
        (b'{"text":' * 100 + b"1" + b"}" * 100, "too_deep"),
        (b'{"text": "a", "b": ' + b"[" * 80 + b"]" * 80 + b"}", "too_deep"),
        (b'{"text": NaN}', "invalid_json"),
        (b'{"text": "\xff"}', "invalid_json"),
        (b"", "invalid_value"),
        (b"{}", "invalid_value"),
    ],
)
async def test_json_that_is_deep_or_none_is_refused(http, body, expected):
    answer = await http.post(
        "/v1/emotion", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, code(answer)) == (400, expected)


async def test_a_head_or_a_body_that_never_ends_is_given_up(serve):
    limits = {"header_seconds": 0.2, "body_seconds": 0.2, "header_bytes": 2_000}
    async with serve(limits=limits) as address:
        assert (await raw(address, b"GET / HTTP/1.1\r\nHost: x")).startswith(b"HTTP/1.1 408")
        assert (await raw(address)).startswith(b"HTTP/1.1 408")
        flood = [b"GET / HTTP/1.1\r\n", *[b"a: " + b"b" * 500 + b"\r\n"] * 10]
        assert b"431" in await raw(address, *flood)
        head = b"POST /v1/emotion HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        head += b"Content-Type: application/json\r\n\r\n{"
        assert (await raw(address, head)).startswith(b"HTTP/1.1 408")


async def test_too_many_connections_are_refused(serve):
    async with serve(limits={"connections_per_address": 2, "header_seconds": 5}) as address:
        host, port = address.removeprefix("http://").split(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        assert (await raw(address)).startswith(b"HTTP/1.1 503")
        for _, writer in held:
            writer.close()


async def test_a_reader_that_does_not_read_is_cut_off(serve):
    async with serve(limits={"send_seconds": 0.2}) as address:
        host, port = address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        head = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(head * 500)
        async with asyncio.timeout(20):
            while True:
                try:
                    writer.write(head)
                    await writer.drain()
                except ConnectionError:
                    break
                await asyncio.sleep(0.01)
        del reader


def bomb(side):
    """A PNG of side x side black pixels, made without them: the memory here is measured."""
    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    parts = {
        b"IHDR": struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0),
        b"IDAT": rows,
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts.items()
    )


async def test_a_bomb_of_pixels_is_refused(http):
    url = "data:image/png;base64," + base64.b64encode(bomb(20_000)).decode()
    answer = await http.post("/v1/agent/turns", json={"image": url})
    assert answer.status_code == 400
    assert "too large" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"image": "data:image/png;base64,!!!"},
        {"image": "data:image/png;base64,aGVsbG8="},
        {"image": "file:///etc/passwd"},
        {"image": "/etc/passwd"},
        {"image": "http://169.254.169.254/latest"},
        {"audio": "aGVsbG8="},
        {"audio": "AAAA====A"},
        {"text": ""},
        {"text": "a", "person": "x" * 300},
        {"text": "a", "face": {"nose": 1}},
    ],
)
async def test_input_that_is_none_is_refused(http, body):
    answer = await http.post("/v1/agent/turns", json=body)
    assert answer.status_code == 400
    assert "xy-core-" not in answer.text
    assert "root:" not in answer.text


async def test_an_uploads_name_is_no_path(http, samples, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("whole")
    sound = (samples / "sad_news.wav").read_bytes()
    for name in (str(victim), "../../victim", "a\x00b"):
        answer = await http.post(
            "/v1/audio/transcriptions",
            files={"file": (name, sound, "audio/wav")},
            data={"model": "whisper-base-ct2"},
        )
        assert answer.status_code in {200, 400}
    assert victim.read_text() == "whole"


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/etc/passwd", "/v1/models/../x"])
async def test_paths_lead_nowhere(address, path):
    answer = await raw(
        address,
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
    )
    assert answer.startswith(b"HTTP/1.1 404")


async def test_keys_are_asked_for_scoped_and_revoked(http, serve, tmp_path):
    store = KeyStore(tmp_path / "keys.json")
    key, record = store.add("laptop", [Scope.INFERENCE])
    assert key not in store.path.read_text()
    assert store.path.stat().st_mode & 0o077 == 0
    async with serve(keys=store.path, limits={"failures_per_minute": 5}) as address:
        bearer = {"Authorization": f"Bearer {key}"}
        assert (await http.get(f"{address}/healthz")).status_code == 200
        assert (await http.get(f"{address}/v1/models")).status_code == 401
        assert (await http.get(f"{address}/v1/models", headers=bearer)).status_code == 200
        answer = await http.get(f"{address}/v1/tasks", headers=bearer)
        assert (answer.status_code, code(answer)) == (403, "missing_scope")
        wrong = {"Authorization": f"Bearer {key[:-1]}"}
        codes = [
            (await http.get(f"{address}/v1/models", headers=wrong)).status_code for _ in range(8)
        ]
        assert set(codes) == {401, 429}
        assert codes[-1] == 429
        assert (await http.get(f"{address}/v1/models", headers=bearer)).status_code == 200
        store.add("other", [Scope.ADMIN])
        store.revoke(record.id)
        assert (await http.get(f"{address}/v1/models", headers=bearer)).status_code in {401, 429}


async def test_nobody_from_outside_gets_in_without_keys(serve, tmp_path):
    with pytest.raises(ConfigError, match="xy-core keys add"):
        async with serve(host="::", keys=tmp_path / "none.json"):
            pass


async def test_too_many_requests_have_to_wait(http, serve):
    async with serve(limits={"per_minute": 3}) as address:
        codes = [(await http.get(f"{address}/v1/models")).status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]


async def test_nothing_a_user_says_is_logged(http, capfd):
    said = "a-very-private-sentence"
    await http.post("/v1/emotion", json={"text": said})
    await http.post("/v1/emotion", json={"text": {"wrong": said}})
    await http.post("/v1/agent/turns", json={"text": said, "image": said})
    written = capfd.readouterr()
    assert said not in written.out + written.err
