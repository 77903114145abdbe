"""Looking at models, and fetching them from a hub that is slow or lacks them."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from tests.server.admin.conftest import HOSTILE, TOY

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def progress(http, model):
    """Return the events of a pull."""
    async with asyncio.timeout(20), http.stream("GET", f"/v1/catalogue/{model}/pull") as stream:
        lines = [line async for line in stream.aiter_lines()]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def states(http):
    answer = await http.get("/v1/catalogue", params={"profile": "toys"})
    return {model["id"]: model for model in answer.json()["data"]}


async def test_the_catalogue_says_what_fits(http):
    everything = (await http.get("/v1/catalogue")).json()
    assert everything["disk_free"] > 0
    assert "smollm2-135m-instruct" in {model["id"] for model in everything["data"]}
    chat = next(m for m in everything["data"] if m["id"] == "smollm2-135m-instruct")
    fit = chat["fits"][0]
    assert (fit["device"], fit["fits"], fit["chosen"]["name"]) == ("sim:0", True, "full")
    assert [step["name"] for step in fit["ladder"]][-1] == "host"
    toys = await states(http)
    assert toys["slow"]["title"] == HOSTILE
    assert (toys["toy"]["installed"], toys["toy"]["pull"]) == (False, None)
    assert (await http.get("/v1/catalogue", params={"profile": "none"})).status_code == 404


async def test_a_model_is_fetched_followed_and_removed(http, web):
    web.add("/toys/toy/resolve/main/toy.bin", TOY)
    started = await http.post("/v1/catalogue/toy/pull")
    assert started.status_code == 202
    told = await progress(http, "toy")
    assert told[-1] | {"task_id": ""} == {
        "model": "toy",
        "task_id": "",
        "state": "installed",
        "done": len(TOY),
        "total": len(TOY),
        "error": "",
    }
    assert (await states(http))["toy"]["installed"]
    assert (await http.delete("/v1/catalogue/toy")).json() == {"removed": True}
    assert (await http.delete("/v1/catalogue/toy")).json() == {"removed": False}


async def test_a_pull_is_joined_and_cancelled_and_goes_on_where_it_was(http, web):
    gate = threading.Event()
    page = web.add("/toys/slow/resolve/main/toy.bin", TOY, gate=gate, pause=1_000)
    try:
        first = (await http.post("/v1/catalogue/slow/pull")).json()
        again = (await http.post("/v1/catalogue/slow/pull")).json()
        assert first["task_id"] == again["task_id"]
        assert (await http.delete("/v1/catalogue/slow")).status_code == 409
        following = asyncio.create_task(progress(http, "slow"))
        assert (await http.delete("/v1/catalogue/slow/pull")).json() == {"cancelled": True}
        assert (await following)[-1]["state"] == "cancelled"
        assert (await http.delete("/v1/catalogue/slow/pull")).json() == {"cancelled": False}
        assert (await states(http))["slow"]["pull"]["state"] == "cancelled"
    finally:
        gate.set()
        page.gate = None
    await http.post("/v1/catalogue/slow/pull")
    assert (await progress(http, "slow"))[-1]["state"] == "installed"


async def test_a_model_that_the_hub_lacks_fails_with_the_reason(http):
    await http.post("/v1/catalogue/missing/pull")
    last = (await progress(http, "missing"))[-1]
    assert last["state"] == "failed"
    assert "404" in last["error"] or "not" in last["error"]


@pytest.mark.parametrize("model", ["none", "..%2F..", "%00", "a" * 80, "%3Cscript%3E"])
async def test_what_is_not_in_the_catalogue_is_not_found(http, model):
    for method, path in (("POST", "/pull"), ("GET", "/pull"), ("DELETE", "/pull"), ("DELETE", "")):
        answer = await http.request(method, f"/v1/catalogue/{model}{path}")
        assert answer.status_code in {404, 405}
