"""What clients may get wrong: each is told, and the session goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.server.conftest import Serve

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]


def url(address: str, query: str = "model=xy-agent") -> str:
    return f"{address.replace('http', 'ws', 1)}/v1/realtime?{query}"


@asynccontextmanager
async def session(address: str) -> AsyncIterator[ClientConnection]:
    async with connect(url(address), proxy=None) as connection:
        assert json.loads(await connection.recv())["type"] == "session.created"
        yield connection


async def answer(connection: ClientConnection, message: str | bytes) -> dict[str, Any]:
    await connection.send(message)
    body: dict[str, Any] = json.loads(await connection.recv())
    return body


def message(kind: str, **body: object) -> str:
    return json.dumps({"type": kind, "event_id": "mine"} | body)


def user(**part: object) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [part]}


BAD = {
    "no json": "{",
    "no object": "[]",
    "no type": "{}",
    "unknown": message("session.destroy"),
    "deep": '{"type":"session.update","session":' + '{"a":' * 3_000 + "1" + "}" * 3_001,
    "rate": message("session.update", session={"audio": {"input": {"format": {"rate": 1}}}}),
    "law": message(
        "session.update", session={"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    ),
    "base64": message("input_audio_buffer.append", audio="!!!"),
    "half": message("input_audio_buffer.append", audio=base64.b64encode(b"abc").decode()),
    "empty": message("input_audio_buffer.commit"),
    "nothing": message("response.create"),
    "no reply": message("response.cancel"),
    "no item": message("conversation.item.retrieve", item_id="item_x"),
    "no place": message(
        "conversation.item.create",
        previous_item_id="item_x",
        item=user(type="input_text", text="Hello"),
    ),
    "no content": message("conversation.item.create", item=user(type="input_video")),
    "no picture": message(
        "conversation.item.create",
        item=user(type="input_image", image_url="data:image/png;base64,AAAA"),
    ),
    "address": message(
        "conversation.item.create",
        item=user(type="input_image", image_url="http://127.0.0.1:1/secret"),
    ),
    "file": message(
        "conversation.item.create", item=user(type="input_image", image_url="file:///etc/passwd")
    ),
    "truncate": message(
        "conversation.item.truncate", item_id="item_x", content_index=0, audio_end_ms=-1
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_mistake_is_told_and_the_session_goes_on(address: str, bad: str):
    async with session(address) as connection:
        told = await answer(connection, bad)
        assert told["type"] == "error"
        assert told["error"]["message"]
        assert "Traceback" not in told["error"]["message"]
        cleared = await answer(connection, message("input_audio_buffer.clear"))
        assert cleared["type"] == "input_audio_buffer.cleared"


async def test_a_mistake_names_the_event_that_it_is_about(address: str):
    async with session(address) as connection:
        told = await answer(connection, BAD["no item"])
    assert told["error"]["event_id"] == "mine"
    assert told["error"]["type"] == "invalid_request_error"


async def test_bytes_that_are_no_text_are_told_too(address: str):
    async with session(address) as connection:
        assert (await answer(connection, b"\xff\xfe"))["type"] == "error"


async def test_another_model_is_refused_before_the_session(address: str):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        async with connect(url(address, "model=gpt-realtime"), proxy=None):
            pass
    assert refused.value.response.status_code == 404


async def test_a_page_from_elsewhere_is_refused(address: str):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        async with connect(url(address), origin="https://evil.example", proxy=None):
            pass
    assert refused.value.response.status_code == 403


async def test_one_session_too_many_is_refused_and_a_seat_comes_back(serve: Serve):
    async with serve(realtime={"sessions": 1}) as address:
        async with session(address):
            with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
                async with connect(url(address), proxy=None):
                    pass
            assert refused.value.response.status_code == 429
        async with session(address):
            pass


async def test_sessions_do_not_use_up_the_connections_of_an_address(serve: Serve):
    async with serve(limits={"connections_per_address": 2}) as address:
        for _ in range(4):
            async with session(address):
                pass


async def test_too_much_sound_is_refused(serve: Serve):
    async with serve(realtime={"buffer_seconds": 0.5}) as address, session(address) as connection:
        off = {"audio": {"input": {"turn_detection": None}}}
        assert (await answer(connection, message("session.update", session=off)))["type"] == (
            "session.updated"
        )
        second = base64.b64encode(bytes(48_000)).decode()
        told = await answer(connection, message("input_audio_buffer.append", audio=second))
        assert "not committed" in told["error"]["message"]


async def test_a_session_ends_when_its_time_is_up(serve: Serve):
    async with serve(realtime={"seconds": 0.2}) as address, session(address) as connection:
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await connection.recv()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1008


async def test_a_message_that_is_far_too_large_ends_the_connection(address: str):
    # The client packs it: what counts is what it would take to hold.
    async with session(address) as connection:
        await connection.send("x" * (17 << 20))
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await connection.recv()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1009
