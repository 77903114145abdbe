"""What a live view of the runtime is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from xy_core.core.model import ModelSpec, Variant
from xy_core.core.task import TaskType

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = "<script>alert(1)</script>"


async def messages(stream):
    """Yield the names and bodies of server-sent events."""
    name = ""
    async for line in stream.aiter_lines():
        kind, _, rest = line.partition(": ")
        if kind == "event":
            name = rest
        elif kind == "data":
            yield name, json.loads(rest)


async def quick():
    """A task that does nothing."""


@pytest.fixture
async def held(runtime):
    """Return a task that runs until it is cancelled."""
    handle = runtime.engine.scheduler.submit(asyncio.Event().wait, name=HOSTILE)
    yield handle
    handle.cancel()


async def test_a_snapshot_shows_lanes_devices_and_tasks(http, held):
    found = (await http.get("/v1/runtime")).json()
    lanes = {lane["name"]: lane for lane in found["lanes"]}
    assert {"default", "cpu", "process", "loading", "device:sim"} <= lanes.keys()
    assert lanes["default"]["running"] >= 1
    assert found["devices"][0]["name"] == "sim:0"
    assert found["devices"][0]["memory"]["total"] == 8 << 30
    assert HOSTILE in {task["name"] for task in found["tasks"]}
    assert found["loop_lag"]["p99"] >= 0
    assert held.info.status.value == "running"


async def test_a_live_view_begins_with_everything_and_hears_of_each_task(http, runtime):
    submit = runtime.engine.scheduler.submit
    async with asyncio.timeout(20), http.stream("GET", "/v1/runtime/live?every=0.1") as stream:
        told = messages(stream)
        assert (await anext(told))[0] == "snapshot"
        handles = [submit(quick, name="quick") for _ in range(2_500)]
        await asyncio.gather(*handles)
        wanted, ended, state = {one.task_id for one in handles}, set(), None
        async for name, body in told:
            if name == "trace":
                ended |= {row[2] for row in body["rows"] if row[1] == "task_completed"}
                assert len(body["rows"]) <= 1_000
            else:
                state = body
            if wanted <= ended and state is not None:
                break
    assert {"time", "lanes", "devices", "loop_lag"} == state.keys()


async def test_what_the_ring_has_no_room_for_is_counted(http, runtime):
    trace, info = runtime.engine.scheduler.trace, runtime.engine.scheduler.submit(quick).info
    async with asyncio.timeout(20), http.stream("GET", "/v1/runtime/live?every=0.1") as stream:
        told = messages(stream)
        await anext(told)
        for _ in range(runtime.settings.scheduler.trace_size + 5_000):
            trace.record("task_retried", info)
        async for name, body in told:
            if name == "trace" and body["missed"] >= 4_000:
                break


async def test_one_task_with_its_trace(http, held):
    path = f"/v1/tasks/{held.task_id}"
    found = (await http.get(path)).json()
    assert found["task"]["name"] == HOSTILE
    assert [one["event"] for one in found["trace"]] == ["task_scheduled", "worker_start"]
    assert (await http.delete(path)).json() == {"cancelled": True}
    found = (await http.get(path)).json()
    assert found["task"]["status"] == "cancelled"
    assert found["trace"][-1]["event"] == "task_cancelled"
    assert found["trace"][-1]["duration_ms"] > 0


@pytest.mark.parametrize("task", ["none", "a" * 100, "%00", HOSTILE.replace("/", "%2F")])
async def test_an_unknown_task_is_not_found(http, task):
    answer = await http.get(f"/v1/tasks/{task}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf", "soon", "1e9"])
async def test_a_senseless_pace_is_refused(http, every):
    answer = await http.get("/v1/runtime/live", params={"every": every})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "every")


async def test_the_trace_is_a_file_for_perfetto(http, runtime):
    await asyncio.gather(*(runtime.engine.scheduler.submit(quick) for _ in range(600)))
    answer = await http.get("/v1/runtime/trace")
    assert "perfetto.json" in answer.headers["content-disposition"]
    found = answer.json()
    assert found["displayTimeUnit"] == "ms"
    assert {"M", "X", "i"} <= {row["ph"] for row in found["traceEvents"]}


async def test_a_model_is_loaded_and_unloaded(http, runtime):
    scheduler = runtime.engine.scheduler

    async def load(device, variant):
        return f"{device} {variant.name}"

    async def unload(_model):
        pass

    name = f"voice:{HOSTILE}"
    scheduler.register_model(ModelSpec(name, (Variant("full", 1 << 30),), load, unload), "sim:0")
    asked = {"model": name, "device": "sim:0"}
    assert (await http.post("/v1/runtime/models/load", json=asked)).json() == {"loaded": True}
    device = (await http.get("/v1/runtime")).json()["devices"][0]
    assert device["models"][0] | {"uses": 0} == {
        "name": name,
        "state": "ready",
        "variant": "full",
        "size": 1 << 30,
        "full_size": 1 << 30,
        "users": 0,
        "uses": 0,
    }
    assert device["leases"][0]["holder"] == name

    async def use(_model):
        pass

    await scheduler.run(use, model=name, task_type=TaskType.GPU_BOUND)
    assert (await http.post("/v1/runtime/models/unload", json=asked)).json() == {"unloaded": True}
    assert (await http.post("/v1/runtime/models/unload", json=asked)).json() == {"unloaded": False}
    assert (await http.get("/v1/runtime")).json()["devices"][0]["leases"] == []
    await scheduler.run(use, model=name, task_type=TaskType.GPU_BOUND)
    await scheduler.withdraw_model(name, "sim:0")


async def test_a_model_that_does_not_load_says_why(http, runtime):
    async def load(_device, _variant):
        raise RuntimeError("the weights are damaged")

    async def unload(_model):
        pass

    spec = ModelSpec("broken", (Variant("full", 1),), load, unload)
    runtime.engine.scheduler.register_model(spec, "sim:0")
    asked = {"model": "broken", "device": "sim:0"}
    answer = await http.post("/v1/runtime/models/load", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_load_failed")
    assert "damaged" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"model": "none", "device": "sim:0"}, 404),
        ({"model": "none", "device": "cuda:9"}, 404),
        ({"model": "", "device": "sim:0"}, 400),
        ({"model": "a" * 300, "device": "sim:0"}, 400),
        ({"model": ["a"], "device": None}, 400),
        ([], 400),
    ],
)
async def test_models_that_are_not_there_are_refused(http, asked, status):
    for path in ("load", "unload"):
        answer = await http.post(f"/v1/runtime/models/{path}", json=asked)
        assert answer.status_code == status
