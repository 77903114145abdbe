"""An embedder that is a server: llama.cpp's own, and sockets that answer something else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import SecretStr

from tests.modules.held import TIMES, nothing_left_of
from tests.modules.llm.engines import KEY, http_server
from tests.modules.llm.test_openai_server import answering
from xy_core.core.errors import BackendError
from xy_core.core.module import HealthStatus
from xy_core.core.task import TaskPriority
from xy_core.modules.memory.backends.embedding_server import ServerEmbedder
from xy_core.modules.memory.config import EmbeddingServer

TEXTS = ["a cat", "a violin", "a cat"]


def ok(body) -> str:
    content = body if isinstance(body, str) else json.dumps(body)
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(content.encode())}"
    return f"{head}\r\nContent-Type: application/json\r\n\r\n{content}"


async def vectors(url, texts=TEXTS, **values):
    config = EmbeddingServer(url=url, timeout=5, **values)
    return await ServerEmbedder(config)(texts, TaskPriority.HIGH)


@pytest.mark.models
async def test_memories_are_found_by_a_real_server_s_vectors(open_memory, model_store, scheduler):
    with http_server(model_store, embedding=True) as server:
        found = await vectors(server.url, key=SecretStr(KEY))
        assert found.dtype == np.float32
        assert found.shape[0] == len(TEXTS)
        assert np.allclose(found[0], found[2], atol=1e-3)
        with pytest.raises(BackendError, match="401"):
            await vectors(server.url, key=SecretStr("wrong"))
        there = EmbeddingServer(url=server.url, key=SecretStr(KEY))

        async def use():
            async with open_memory(embedding="server", embedding_server=there) as memory:
                await memory.remember_turn("lin", "user", "I have a cat")
                await memory.settle()
                assert (await memory.health()).status is HealthStatus.READY
                (first, *_) = await memory.recall("lin", "I have a cat")
                assert first.memory.text == "I have a cat"

        await use()
        async with nothing_left_of(scheduler):
            for _ in range(TIMES):
                await use()


async def test_vectors_come_in_the_order_of_the_texts():
    items = [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [1, 0]}]
    async with answering(ok({"data": items})) as (url, heard):
        found = await vectors(url, ["a", "b"])
    assert found.tolist() == [[1, 0], [0, 2]]
    assert heard[0].startswith(b"POST /v1/embeddings ")


@pytest.mark.parametrize(
    "answer",
    [
        "no",
        "[]",
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": 0, "embedding": [1]}]},
        {"data": [{"index": number, "embedding": [1] * (number + 1)} for number in range(3)]},
        {"data": [{"index": 0, "embedding": [1]}] * 3},
    ],
    ids=range(7),
)
async def test_what_is_no_answer_is_one_error_that_names_the_server(answer):
    async with answering(ok(answer)) as (url, _):
        with pytest.raises(BackendError, match="embedding server"):
            await vectors(url)


@pytest.mark.parametrize("answer", ["HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n"])
async def test_a_server_that_fails_is_told(answer):
    async with answering(answer) as (url, _):
        with pytest.raises(BackendError, match="is it running"):
            await vectors(url)
    with pytest.raises(BackendError, match="is it running"):
        await vectors("http://127.0.0.1:9/v1")
