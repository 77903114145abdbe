"""The endpoints beside OpenAI's."""

from __future__ import annotations

import asyncio
import json

import pytest

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]


def events(text):
    """Return the names and bodies of server-sent events."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields and "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_a_turn_is_streamed_with_its_speech(http):
    answer = await http.post("/v1/agent/turns", json={"text": "I got the job!", "person": "lin"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    names = [name for name, _ in told]
    assert {"emotion", "expression", "token", "sentence", "audio"} <= set(names)
    assert names[-1] == "done"
    audio = dict(told)["audio"]
    assert audio["format"] == "pcm16"
    assert audio["data"]


async def test_the_endpoints_are_described(http):
    document = (await http.get("/openapi.json")).json()
    assert {"/v1/chat/completions", "/v1/agent/turns", "/v1/events"} <= document["paths"].keys()
    turns = document["paths"]["/v1/agent/turns"]["post"]["responses"]
    assert "text/event-stream" in turns["200"]["content"]


async def test_emotion_is_read(http):
    answer = await http.post("/v1/emotion", json={"text": "I am so happy, we won!"})
    assert answer.json()["top"] == "joy"


async def test_a_person_is_remembered_and_forgotten(http):
    path = "/v1/memory/mei"
    made = await http.post(f"{path}/facts", json={"text": "Mei has a cat named Momo."})
    assert made.status_code == 201
    found = await http.get(f"{path}/search", params={"query": "What is the name of the cat?"})
    assert found.json()["data"][0]["text"] == "Mei has a cat named Momo."
    assert (await http.get(f"{path}/recent")).json() == {"data": []}
    assert (await http.get(f"{path}/moods")).json() == {"data": []}
    assert (await http.delete(path)).json() == {"deleted": 1}


async def test_health_figures_and_tasks(http):
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json()["modules"]["llm"] == "ready"
    assert "xy_core_tasks_waiting" in (await http.get("/metrics")).text
    await http.post("/v1/emotion", json={"text": "hello"})
    listed = (await http.get("/v1/tasks", params={"status": "completed"})).json()["data"]
    assert "emotion.text" in {task["name"] for task in listed}
    ended = await http.delete(f"/v1/tasks/{listed[0]['task_id']}")
    assert ended.json() == {"cancelled": False}
    assert (await http.delete("/v1/tasks/none")).status_code == 404


async def test_events_of_the_bus_are_followed(http):
    async with asyncio.timeout(20), http.stream("GET", "/v1/events?topic=emotion.*") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": listening"
        await http.post("/v1/agent/turns", json={"text": "I am so happy!", "speak": False})
        async for line in lines:
            if line.startswith("event: emotion.mood"):
                break


async def test_a_client_that_goes_stops_the_model(http, runtime):
    scheduler = runtime.engine.scheduler
    body = {
        "model": "smollm2-135m-instruct",
        "messages": [{"role": "user", "content": "Tell me a very long story."}],
        "stream": True,
    }
    async with http.stream("POST", "/v1/chat/completions", json=body) as stream:
        await anext(stream.aiter_lines())
    async with asyncio.timeout(10):
        while scheduler.lane("device:cpu").statistics().running:  # noqa: ASYNC110 - no event of it
            await asyncio.sleep(0.005)
    last = max(
        (task for task in scheduler.tasks() if task.name == "llm.generate"),
        key=lambda task: task.created_at,
    )
    assert last.status.value == "cancelled"


async def test_a_request_ends_when_its_time_is_up(http):
    body = {"model": "xy-agent", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"X-Request-Timeout": "0.01"}
    answer = await http.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "timeout"
    for wrong in ("soon", "-1", "nan", "inf"):
        answer = await http.get("/v1/models", headers={"X-Request-Timeout": wrong})
        assert answer.status_code == 400


async def test_batch_work_runs_at_low_priority_and_is_refused_first(http, serve, runtime):
    body = {
        "model": "smollm2-135m-instruct",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 2,
    }
    for extra, headers in (({"service_tier": "flex"}, {}), ({}, {"X-Priority": "batch"})):
        answer = await http.post("/v1/chat/completions", json=body | extra, headers=headers)
        assert answer.status_code == 200
        last = max(
            (task for task in runtime.engine.scheduler.tasks() if task.name == "llm.generate"),
            key=lambda task: task.created_at,
        )
        assert last.priority.name == "LOW"
    async with serve(limits={"batch_requests": 0}) as address:
        url = f"{address}/v1/chat/completions"
        shed = await http.post(url, json=body, headers={"X-Priority": "batch"})
        assert shed.status_code == 429
        assert int(shed.headers["retry-after"]) > 0
        assert (await http.post(url, json=body)).status_code == 200


async def test_a_server_that_stops_ends_streams_with_an_error(http, serve):
    body = {
        "model": "smollm2-135m-instruct",
        "messages": [{"role": "user", "content": "Tell me a very long story."}],
        "stream": True,
    }
    ended = asyncio.Event()

    async def follow(address):
        async with http.stream("POST", f"{address}/v1/chat/completions", json=body) as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            ended.set()
            return [line async for line in lines if line]

    async with serve(drain_seconds=0) as address:
        following = asyncio.create_task(follow(address))
        await ended.wait()
    lines = await following
    assert '"code":"shutting_down"' in lines[-1]
