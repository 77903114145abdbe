"""Requests that are sent again: one answer each, never another request's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse

from xy_core.server.config import IdempotencyConfig
from xy_core.server.errors import ApiError, error_response
from xy_core.server.idempotency import Idempotency

PATH = "/v1/chat/completions"


class Endpoint:
    """Counts its runs; waits for a sign if told to."""

    def __init__(self):
        self.runs = 0
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        self.status = 200
        self.size = 0
        self.events = False

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        text = (await request.body()).decode()
        self.runs += 1
        number = self.runs
        self.begun.set()
        if self.events:
            response = StreamingResponse(self.stream(), media_type="text/event-stream")
        else:
            await self.go.wait()
            content = f"{number}:{text}" + "x" * self.size
            response = PlainTextResponse(content, self.status, {"x-run": str(number)})
        await response(scope, receive, send)

    async def stream(self):
        yield "data: 1\n\n"
        await self.go.wait()
        yield "data: 2\n\n"


@pytest.fixture
def endpoint():
    return Endpoint()


@pytest.fixture
def clock():
    return SimpleNamespace(time=0.0)


@pytest.fixture
async def client(endpoint, clock):
    config = IdempotencyConfig(seconds=60, answer=8_192, all_answers=16_384)
    inner = Idempotency(endpoint, config, now=lambda: clock.time)

    async def app(scope, receive, send):
        who = dict(scope["headers"]).get(b"x-who", b"me").decode()
        scope["state"] = {"principal": SimpleNamespace(id=who)}
        try:
            await inner(scope, receive, send)
        except ApiError as error:
            await error_response(error)(scope, receive, send)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


def ask(client, text="hello", *, key="k1", path=PATH, who="me"):
    headers = {"idempotency-key": key, "x-who": who} if key is not None else {}
    return client.post(path, content=text, headers=headers)


async def test_a_repeat_gets_the_first_answer(client, endpoint):
    first, again = await ask(client), await ask(client)
    assert (first.text, again.text) == ("1:hello", "1:hello")
    assert again.headers["x-run"] == "1"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert endpoint.runs == 1


async def test_without_a_key_or_elsewhere_nothing_is_kept(client, endpoint):
    for _ in range(2):
        await ask(client, key=None)
        await ask(client, path="/v1/emotion")
    assert endpoint.runs == 4


@pytest.mark.parametrize(
    "other", [{"text": "other"}, {"path": "/v1/audio/speech"}, {"text": "hello "}]
)
async def test_a_key_serves_one_request_only(client, other):
    await ask(client)
    answer = await ask(client, **other)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"


async def test_others_have_keys_of_their_own(client):
    await ask(client, "mine")
    assert (await ask(client, "theirs", who="you")).text == "2:theirs"


async def test_repeats_at_the_same_time_wait_for_the_first(client, endpoint):
    endpoint.go.clear()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(client)) for _ in range(20)]
        other = group.create_task(ask(client, "other"))
        await endpoint.begun.wait()
        assert (await other).status_code == 422
        endpoint.go.set()
    assert {task.result().text for task in asked} == {"1:hello"}
    assert endpoint.runs == 1


async def test_if_the_first_is_given_up_the_next_takes_its_place(client, endpoint):
    endpoint.go.clear()
    first = asyncio.create_task(ask(client))
    await endpoint.begun.wait()
    endpoint.begun.clear()
    second = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    await endpoint.begun.wait()
    endpoint.go.set()
    assert (await second).text == "2:hello"


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_what_failed_may_be_tried_again(client, endpoint, status):
    endpoint.status = status
    await ask(client)
    endpoint.status = 200
    assert (await ask(client)).text == "2:hello"


async def test_a_stream_is_not_kept_and_not_run_twice_at_a_time(client, endpoint):
    endpoint.events = True
    endpoint.go.clear()
    first = asyncio.create_task(ask(client))
    await endpoint.begun.wait()
    repeat = await ask(client)
    assert repeat.status_code == 409
    assert repeat.json()["error"]["code"] == "idempotency_stream_under_way"
    endpoint.go.set()
    assert (await first).text.endswith("data: 2\n\n")
    assert (await ask(client)).status_code == 200
    assert endpoint.runs == 2


async def test_answers_are_forgotten_in_time(client, clock):
    await ask(client)
    clock.time = 59
    assert (await ask(client)).text == "1:hello"
    clock.time = 61
    assert (await ask(client, "another")).text == "2:another"


async def test_the_store_is_bounded(client, endpoint):
    endpoint.size = 6_000
    for number in range(10):
        await ask(client, key=str(number))
    assert (await ask(client, key="9")).text.startswith("10:")
    assert (await ask(client, key="0")).text.startswith("11:")
    endpoint.size = 9_000
    await ask(client, key="large")
    assert (await ask(client, key="large")).text.startswith("13:")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(client, key):
    assert (await ask(client, key=key)).status_code == 400
