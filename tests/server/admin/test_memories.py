"""What is remembered is looked through, corrected, forgotten and taken along."""

from __future__ import annotations

import time

import pytest

from xy_core.modules.memory import FactDraft, MemoryService, MoodPoint

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def memory(runtime):
    return runtime.engine.module(MemoryService)


async def entries(http, person, **params):
    return (await http.get(f"/v1/memory/{person}/entries", params=params)).json()["data"]


async def learned(memory, person):
    """Let a fact be learned from a turn."""
    await memory.remember_turn(person, "user", "I have moved to Chengdu.", emotion="joy")

    async def extract(_turns, _known):
        return [FactDraft(f"{person} lives in Chengdu.", "home")]

    memory.learn(person, extract)
    await memory.settle()


async def test_people_are_listed(http, memory):
    await memory.remember_fact("ann", "Ann likes tea.")
    people = {one["person"]: one for one in (await http.get("/v1/memory")).json()["data"]}
    assert people["ann"]["facts"] == 1


async def test_memories_come_page_by_page_with_their_emotion(http, memory):
    for number in range(5):
        await memory.remember_turn("bo", "user", f"{HOSTILE} {number}", emotion="joy")
    page = await entries(http, "bo", limit=3)
    assert [one["text"][-1] for one in page] == ["4", "3", "2"]
    assert page[0]["text"].startswith(HOSTILE)
    assert page[0]["emotion"] == "joy"
    rest = await entries(http, "bo", limit=3, before=page[-1]["id"])
    assert [one["text"][-1] for one in rest] == ["1", "0"]
    assert await entries(http, "bo", role="fact") == []
    assert await entries(http, "bo", since=time.time() + 60) == []


async def test_a_fact_tells_where_it_comes_from(http, memory):
    await learned(memory, "cai")
    fact = (await entries(http, "cai", role="fact"))[0]
    found = (await http.get(f"/v1/memory/cai/entries/{fact['id']}")).json()
    assert found["memory"]["details"]["topic"] == "home"
    assert found["source"]["text"] == "I have moved to Chengdu."
    assert found["history"] == []


@pytest.mark.parametrize("text", ["Dee lives in Xi'an.", "dee LIVES in Chengdu."])
async def test_a_correction_leaves_nothing_of_the_wrong_words(http, memory, text):
    person = "dee"
    await learned(memory, person)
    fact = (await entries(http, person, role="fact"))[0]
    answer = await http.put(f"/v1/memory/{person}/entries/{fact['id']}", json={"text": text})
    assert answer.json()["fact"]["text"] == text
    held = await entries(http, person, role=["fact", "former"])
    assert [(one["text"], one["details"]["topic"]) for one in held] == [(text, "home")]
    found = await http.get(f"/v1/memory/{person}/search", params={"query": text})
    assert text in [one["text"] for one in found.json()["data"]]
    await http.delete(f"/v1/memory/{person}")


async def test_what_was_said_is_not_corrected(http, memory):
    await memory.remember_turn("eve", "user", "I said so.")
    turn = (await entries(http, "eve"))[0]
    path = f"/v1/memory/eve/entries/{turn['id']}"
    for body in ({"text": "No."}, {"text": "  "}, {"text": ""}, {}, {"text": "a" * 20_000}):
        assert (await http.put(path, json=body)).status_code == 400
    assert (await entries(http, "eve"))[0]["text"] == "I said so."


async def test_one_memory_and_a_span_are_forgotten(http, memory):
    before = time.time()
    for word in ("one", "two"):
        await memory.remember_turn("fay", "user", word)
    await memory.remember_mood(MoodPoint("fay", time.time(), "joy", 0.5, 0.4, 0.3, {"joy": 1.0}))
    two, one = await entries(http, "fay")
    path = "/v1/memory/fay/entries"
    assert (await http.delete(f"{path}/{one['id']}")).json() == {"deleted": 1}
    assert (await http.delete(f"{path}/{one['id']}")).status_code == 404
    assert (await http.delete(f"/v1/memory/ann/entries/{two['id']}")).status_code == 404
    assert (await http.delete(path)).status_code == 400
    gone = (await http.delete(path, params={"since": before, "until": time.time() + 1})).json()
    assert gone["deleted"] >= 1
    assert await entries(http, "fay") == []
    assert (await http.get("/v1/memory/fay/moods")).json() == {"data": []}


async def test_an_export_can_be_imported(http, memory):
    await memory.remember_fact("gu", "Gu has a cat.")
    answer = await http.get("/v1/memory/gu/export")
    assert "attachment" in answer.headers["content-disposition"]
    await http.delete("/v1/memory/gu")
    assert await memory.import_document(answer.content) == 1
    assert (await entries(http, "gu"))[0]["text"] == "Gu has a cat."


@pytest.mark.parametrize(
    "path",
    [
        "/ann/entries?role=god",
        "/ann/entries?limit=0",
        "/ann/entries?limit=100000",
        "/ann/entries?since=nan",
        "/ann/entries?until=inf",
        "/ann/entries?before=-1",
        "/ann/entries?before=99999999999999999999",
        "/ann/entries/0",
        "/ann/entries/x",
        "/ann/search?query=a&language=english",
    ],
)
async def test_senseless_questions_are_refused(http, path):
    assert (await http.get(f"/v1/memory{path}")).status_code == 400


async def test_an_unknown_memory_is_not_found(http):
    assert (await http.get("/v1/memory/ann/entries/123456")).status_code == 404
    body = {"text": "a"}
    assert (await http.put("/v1/memory/ann/entries/123456", json=body)).status_code == 404
