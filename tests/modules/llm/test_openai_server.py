"""What goes wrong with a server: each is one clear error, and none tells the key."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.modules.llm.engines import KEY, entry, http_server, settings
from tests.modules.llm.test_service import llm_service
from xy_core.core.errors import ConfigError, RemoteError
from xy_core.models import ModelStore
from xy_core.modules.llm import Message, Tool, ToolCall
from xy_core.modules.llm.config import LanguageModelConfig, ServerConfig
from xy_core.settings import load_settings

NOWHERE = ModelStore(Path("no-models-are-needed"))
LOOK = Tool("look", "Looks.", {"type": "object"})
ASKED = [Message("user", "hello")]
PIECE = 'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
END = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


@asynccontextmanager
async def answering(*answers, hangs=False):
    """A socket that gives one answer a request, byte for byte; yields its address and requests."""
    heard, left = [], list(answers)

    async def serve(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write((left.pop(0) if left else answers[-1]).encode())
        await writer.drain()
        if hangs:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1", heard


def refusal(status, said="no", headers=""):
    body = json.dumps({"error": {"message": said, "type": "error"}})
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n{body}"
    )


def stream(*pieces):
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return head + "".join(pieces)


@asynccontextmanager
async def client(url, **options):
    server = ServerConfig(url=url, api_key=KEY, **({"retries": 0, "timeout": 20} | options))
    async with llm_service(NOWHERE, settings(entry("openai", "there", server=server))) as (
        service,
        _,
    ):
        yield service


@pytest.mark.parametrize(
    ("answer", "told", "status"),
    [
        (refusal(401), "API key: set api_key_env", 401),
        (refusal(404), "has no model 'there'", 404),
        (refusal(429, headers="Retry-After: 7\r\n"), "too many requests", 429),
        (refusal(500, "on fire"), "on fire", 500),
        (stream(PIECE), "broke off in the middle", None),
        (stream("data: {nonsense\n\n"), "broke off", None),
        (stream('data: {"error": {"message": "gone"}}\n\n'), "gone", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!", "broke off", None),
        ("\x00\x01\r\n\r\n", "not reached", None),
    ],
)
async def test_a_server_that_refuses_or_breaks_off_is_one_error(answer, told, status):
    async with answering(answer) as (url, _), client(url) as service:
        with pytest.raises(RemoteError) as caught:
            await service.complete(ASKED)
    assert told in str(caught.value)
    assert caught.value.status == status
    assert caught.value.retry_after == (7 if status == 429 else None)
    assert KEY not in str(caught.value)


async def test_a_server_that_is_not_there_is_one_error():
    async with answering(END) as (url, _):
        pass
    async with client(url) as service:
        with pytest.raises(RemoteError, match="is it running"):
            await service.complete(ASKED)


async def test_it_asks_again_before_the_first_piece_only():
    busy = refusal(503, headers="Retry-After: 0.01\r\n")
    async with answering(busy, stream(PIECE, END)) as (url, heard):
        async with client(url, retries=1) as service:
            assert (await service.complete(ASKED)).text == "Hi"
        assert len(heard) == 2
    async with answering(stream(PIECE)) as (url, heard):
        async with client(url, retries=3) as service:
            with pytest.raises(RemoteError):
                await service.complete(ASKED)
        assert len(heard) == 1


async def test_a_silent_server_is_given_up_in_time():
    async with (
        answering(stream(PIECE), hangs=True) as (url, _),
        client(url, timeout=0.2) as service,
    ):
        with pytest.raises(RemoteError, match="timeout"):
            await service.complete(ASKED)


async def test_the_parts_of_a_tool_call_become_one():
    def part(**call):
        delta = {"tool_calls": [{"index": 0, **call}]}
        return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n"

    parts = (
        part(id="c1", type="function", function={"name": "look", "arguments": ""}),
        part(function={"arguments": '{"city": '}),
        part(function={"arguments": '"Rome"}'}),
    )
    async with answering(stream(*parts, END)) as (url, _), client(url) as service:
        reply = await service.complete(ASKED, tools=[LOOK], tool_choice="required")
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls == (ToolCall("c1", "look", '{"city": "Rome"}'),)


async def test_a_server_that_calls_no_tool_though_it_must_is_one_error():
    async with answering(stream(PIECE, END)) as (url, _), client(url) as service:
        with pytest.raises(RemoteError, match="called no tool"):
            await service.complete(ASKED, tools=[LOOK], tool_choice="look")


@pytest.mark.models
async def test_it_embeds_by_a_server(model_store):
    with http_server(model_store, embedding=True) as server:
        async with llm_service(
            NOWHERE, settings(entry("openai", "there", server=server, task="embed"))
        ) as (service, _):
            vectors = await service.embed(["good morning", "good morning", "a red car"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_a_key_comes_from_the_environment_and_is_never_told(monkeypatch):
    monkeypatch.setenv("MY_KEY", "from-outside")
    server = ServerConfig(url="http://there/v1", api_key_env="MY_KEY", api_key=KEY)
    assert server.key == "from-outside"
    assert KEY not in repr(server) + server.model_dump_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "openai"},
        {"server": {"url": "http://x/v1"}},
        {"engine": "openai", "server": {"url": "file:///etc/passwd"}},
        {"engine": "transformers", "grammar": "root ::= [a-z]"},
        {"engine": "transformers", "prompt": "few_shot"},
        {"engine": "unknown"},
    ],
)
def test_an_engine_with_the_wrong_options_is_refused(wrong):
    model = {"id": "x", "languages": ["en"]} | wrong
    with pytest.raises(ConfigError, match=r"llm\.models"):
        load_settings(overrides={"llm": {"models": [model]}})
    assert LanguageModelConfig(id="x", languages=("en",)).engine == "llama_cpp"
