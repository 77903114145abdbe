"""What happens after a turn: facts, retention, other embedders, export; on a real file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.errors import BackendError, ConfigError, InputError
from xy_core.core.module import HealthStatus
from xy_core.core.task import TaskPriority
from xy_core.modules.memory import FactDraft, MemoryConfig, MoodPoint
from xy_core.modules.memory.exchange import from_document, to_document
from xy_core.modules.memory.keys import find_key
from xy_core.modules.memory.types import FORMER


def extractor(*drafts: FactDraft, seen: list | None = None):
    async def extract(turns, known):
        if seen is not None:
            seen.append(([turn.text for turn in turns], [fact.text for fact in known]))
        return drafts

    return extract


async def test_facts_are_learned_after_a_turn_as_low_work(open_memory, scheduler):
    seen: list = []
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "I moved to Wuhan", emotion="joy")
        memory.learn("lin", extractor(FactDraft("Lin lives in Wuhan", "home"), seen=seen))
        await memory.settle()
        await memory.remember_turn("lin", "user", "I moved again, to Chengdu", emotion="fear")
        memory.learn("lin", extractor(FactDraft("Lin lives in Chengdu", "home"), seen=seen))
        await memory.settle()
        (fact,) = await memory.facts("lin")
        history = await memory.history("lin", fact.id)
        (found,) = await memory.recall("lin", "where does Lin live?", limit=1)
        said = await memory.entry("lin", history[1].details.source)
    assert found.memory.text == "Lin lives in Chengdu"
    assert [(one.role, one.emotion) for one in history] == [("fact", "fear"), (FORMER, "joy")]
    assert said.text == "I moved to Wuhan"
    assert seen[1] == (["I moved to Wuhan", "I moved again, to Chengdu"], ["Lin lives in Wuhan"])
    tasks = [task for task in scheduler.tasks() if task.name == "memory.extract"]
    assert {task.priority for task in tasks} == {TaskPriority.LOW}


async def test_an_extractor_that_fails_or_raves_harms_nothing(open_memory):
    async def fail(_turns, _known):
        raise BackendError("no model")

    async with open_memory(max_text=50) as memory:
        await memory.remember_turn("lin", "user", "hello")
        memory.learn("lin", fail)
        await memory.settle()
        assert (await memory.health()).status is HealthStatus.DEGRADED
        raving = FactDraft("x" * 999 + "\0\ud800", "t" * 999, confidence=float("nan"))
        memory.learn("lin", extractor(raving, FactDraft("  ")))
        await memory.settle()
        (fact,) = await memory.facts("lin")
    assert len(fact.text) == 50
    assert fact.details.confidence == 0.0


async def test_a_stop_does_not_wait_for_an_extractor(open_memory):
    begun = asyncio.Event()

    async def never(_turns, _known):
        begun.set()
        await asyncio.Event().wait()

    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "hello")
        memory.learn("lin", never)
        await begun.wait()


async def test_the_settings_let_memories_go(open_memory):
    settings = {"retention": {"facts": 1}, "retention_of": {"wu": {"facts": 2}}}
    async with open_memory(**settings) as memory:
        for person in ("lin", "wu"):
            for text in ("likes tea", "likes jazz"):
                await memory.remember_fact(person, text)
        assert await memory.tidy() == 1
        assert len(await memory.facts("lin")) == 1
        assert len(await memory.facts("wu")) == 2


async def test_another_embedder_takes_over_in_the_background(open_memory):
    async def embed(texts, _priority):
        return np.array([[len(text), 1.0] for text in texts], np.float32)

    async def broken(_texts, _priority):
        return np.zeros((1, 0), np.float32)

    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "我会烤面包")
        await memory.use_embedder("length", embed)
        await memory.settle()
        (found,) = await memory.recall("lin", "bread?", language="zh")
        assert found.memory.text == "我会烤面包"
        await memory.use_embedder("broken", broken)
        await memory.settle()
        assert (await memory.health()).status is HealthStatus.DEGRADED
        with pytest.raises(BackendError):
            await memory.recall("lin", "bread?")


async def test_the_multilingual_embedder_reads_both_languages(open_memory):
    async with open_memory(embedding="use-multilingual") as memory:
        await memory.remember_turn("lin", "user", "我妹妹去年搬到了昆明")
        await memory.remember_turn("lin", "user", "I am allergic to peanuts")
        await memory.settle()
        (found, *_) = await memory.recall("lin", "Where did my sister move?")
    assert found.memory.text == "我妹妹去年搬到了昆明"


async def test_a_service_exports_and_imports(open_memory, tmp_path):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "hello")
        await memory.remember_fact("lin", "likes tea")
        point = MoodPoint("wu", 1.0, "joy", 0.5, 0.5, 0.5, {"joy": 1.0})
        await memory.remember_mood(point)
        document = await memory.export()
        assert len((await memory.export("lin"))["memories"]) == 2
    async with open_memory(path=tmp_path / "other.db") as other:
        assert await other.import_document(json.dumps(document)) == 3
        assert await other.import_document(json.dumps(document)) == 0
        assert await other.export() == document
        with pytest.raises(InputError, match="not an export"):
            await other.import_document(b"\xff")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from(["memories", "moods", "format", "version", ""]),
)
def test_no_document_is_believed(value, key):
    document = to_document([], []) | ({key: value} if key else {})
    try:
        memories, moods = from_document(json.dumps(value if not key else document))
    except InputError:
        return
    assert memories == moods == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{" * 100_000, '{"format": "xy-core.memory", "version": 2}', "null"]
)
def test_hostile_documents_are_refused(text):
    with pytest.raises(InputError):
        from_document(text)


def test_a_key_comes_from_the_settings_or_a_file(tmp_path: Path):
    assert find_key(MemoryConfig(key="k")) == "k"
    file = tmp_path / "key"
    file.write_text("from a file\n")
    assert find_key(MemoryConfig(key_file=file)) == "from a file"
    with pytest.raises(ConfigError, match="key_file"):
        find_key(MemoryConfig(key_file=tmp_path / "missing"))


async def test_a_full_disk_loses_what_is_new_and_nothing_else(open_memory):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "an old cat")
        await memory.settle()
        connection = memory._access.store._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        await memory.remember_turn("lin", "user", "x" * 20_000)
        await memory.settle()
        assert "full" in (await memory.health()).detail
        assert [one.text for one in await memory.recent("lin", 9)] == ["an old cat"]
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "a new cat")
        assert len(await memory.recall("lin", "cat")) == 2
