"""What the memory module promises, on a real SQLite file."""

from __future__ import annotations

import sqlite3

import pytest

from xy_core.core.errors import BackendError, InputError, ModuleUnavailable
from xy_core.core.module import HealthStatus
from xy_core.models import ModelStore
from xy_core.modules.memory import MemoryConfig


async def test_recent_turns_come_oldest_first_and_survive_a_restart(open_memory):
    async with open_memory() as memory:
        for number in range(6):
            await memory.remember_turn("lin", "user", f"sentence {number}", emotion="joy")
    async with open_memory() as memory:
        found = await memory.recent("lin", 3)
    assert [one.text for one in found] == ["sentence 3", "sentence 4", "sentence 5"]
    assert {(one.role, one.person, one.emotion) for one in found} == {("user", "lin", "joy")}


async def test_a_turn_is_seen_as_soon_as_it_was_handed_over(open_memory):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "hello")
        assert [one.text for one in await memory.recent("lin", 4)] == ["hello"]


async def test_recall_leaves_out_the_newest_turns_and_what_repeats_them(open_memory):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "my violin is old")
        await memory.remember_turn("lin", "user", "the violin is new")
        await memory.remember_turn("lin", "assistant", "a violin, how nice")
        await memory.remember_turn("lin", "user", "the violin is new")
        await memory.remember_turn("lin", "assistant", "yes")
        found = await memory.recall("lin", "violin", skip_recent=2)
    assert [one.memory.text for one in found] == ["my violin is old"]


async def test_facts_are_recalled_at_once_and_are_no_turns(open_memory):
    async with open_memory() as memory:
        await memory.remember_fact("lin", "Lin has a cat named Momo")
        assert await memory.recent("lin", 4) == []
        (found,) = await memory.recall("lin", "what is my cat called?")
    assert found.memory.role == "fact"
    assert found.score > 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("北京", "昨天我去北京看了长城"),
        ("猫", "我的猫叫小黑"),
        ("我的宠物猫叫什么名字？", "我的猫叫小黑"),
        ("PEANUTS!", "I am allergic to peanuts"),
        ("peanut", "I am allergic to peanuts"),
        ("Café", "we met in the cafe"),
    ],
)
async def test_words_are_found_in_both_languages(open_memory, query, expected):
    async with open_memory() as memory:
        for text in (
            "昨天我去北京看了长城",
            "我的猫叫小黑",
            "I am allergic to peanuts",
            "we met in the cafe",
        ):
            await memory.remember_turn("lin", "user", text)
        found = await memory.recall("lin", query, language="zh")
    assert [one.memory.text for one in found] == [expected]


async def test_persons_are_apart_and_one_can_be_forgotten_wholly(open_memory, tmp_path):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "my secret is zanzibar")
        await memory.remember_fact("lin", "zanzibar is where Lin was born")
        await memory.remember_turn("wu", "user", "my secret is timbuktu")
        assert len(await memory.recall("lin", "secret")) == 1
        assert await memory.forget("lin") == 2
        assert await memory.recent("lin", 9) == []
        assert await memory.recall("lin", "secret zanzibar") == []
        assert [one.text for one in await memory.recent("wu", 9)] == ["my secret is timbuktu"]
        left = b"".join(file.read_bytes() for file in tmp_path.glob("memory.db*"))
    assert b"zanzibar" not in left
    assert b"timbuktu" in left


async def test_the_oldest_turns_go_and_facts_stay(open_memory, tmp_path):
    async with open_memory(max_turns=3) as memory:
        await memory.remember_fact("lin", "fact about tea")
        for number in range(10):
            await memory.remember_turn("lin", "user", f"tea {number}")
        assert [one.text for one in await memory.recent("lin", 9)] == ["tea 7", "tea 8", "tea 9"]
        assert len(await memory.recall("lin", "tea", limit=50)) == 4
    with sqlite3.connect(tmp_path / "memory.db") as file:
        assert file.execute("SELECT count(*) FROM word").fetchone() == (4,)
    file.close()


async def test_bad_input_is_refused_and_nothing_is_written(open_memory):
    async with open_memory(max_text=10) as memory:
        with pytest.raises(InputError, match="max_text"):
            await memory.remember_turn("lin", "user", "x" * 11)
        with pytest.raises(InputError, match="role"):
            await memory.remember_turn("lin", "system", "hi")
        with pytest.raises(InputError, match="name"):
            await memory.remember_fact("  ", "hi")
        await memory.remember_turn("lin", "user", " \n ")
        assert await memory.recent("lin", 9) == []


async def test_text_that_sqlite_cannot_hold_is_kept_readable(open_memory):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "a\0b \ud800 c")
        (found,) = await memory.recent("lin", 1)
    assert found.text == "a\ufffdb ? c"


async def test_memories_that_cannot_be_written_show_in_health(open_memory, tmp_path):
    async with open_memory() as memory:
        with sqlite3.connect(tmp_path / "memory.db") as other:
            other.execute("DROP TABLE word")
        other.close()
        await memory.remember_turn("lin", "user", "hello")
        await memory.settle()
        health = await memory.health()
        assert health.status is HealthStatus.DEGRADED
        assert "memory.db" in health.detail
        assert await memory.recent("lin", 9) == []
        with pytest.raises(BackendError, match=r"memory\.db"):
            await memory.recall("lin", "hello")


async def test_a_missing_embedder_degrades_to_words(open_memory, tmp_path):
    store = ModelStore(tmp_path / "models")
    async with open_memory(store, embedding=MemoryConfig().embedding) as memory:
        await memory.remember_turn("lin", "user", "my cat is black")
        assert len(await memory.recall("lin", "cat")) == 1
        health = await memory.health()
    assert health.status is HealthStatus.DEGRADED
    assert "models pull" in health.detail


@pytest.mark.models
async def test_english_is_recalled_by_meaning(open_memory, model_store, scheduler):
    async with open_memory() as memory:
        await memory.remember_fact("lin", "I lost my position at the bakery last week.")
        await memory.remember_fact("lin", "My daughter loves drawing horses.")
        await memory.remember_fact("wu", "I was sacked by the bakery.")
    # What an earlier run left without vectors is embedded by the next that can.
    async with open_memory(model_store, embedding=MemoryConfig().embedding) as memory:
        await memory.settle()
        found = await memory.recall("lin", "They fired me, what now?")
        assert (await memory.health()).status is HealthStatus.READY
        assert await memory.recall("lin", "Hello!") == []
    assert [one.memory.text for one in found] == ["I lost my position at the bakery last week."]
    embedding = [task for task in scheduler.tasks() if task.name == "memory.embed"]
    assert {task.lane for task in embedding} == {"device:cpu"}


@pytest.mark.models
async def test_vectors_of_another_embedder_are_made_anew(open_memory, model_store, tmp_path):
    def vectors() -> int:
        with sqlite3.connect(tmp_path / "memory.db") as file:
            (count,) = file.execute("SELECT count(vector) FROM memory").fetchone()
        file.close()
        return count

    embedding = MemoryConfig().embedding
    async with open_memory(model_store, embedding=embedding) as memory:
        await memory.remember_fact("lin", "I bake bread.")
        await memory.remember_fact("lin", "我会烤面包。")
        await memory.settle()
        assert vectors() == 2
        memory._access.store.use_embedder("another")
        assert vectors() == 0
    async with open_memory(model_store, embedding=embedding) as memory:
        await memory.settle()
        assert vectors() == 2


async def test_a_module_that_is_not_running_refuses(open_memory):
    async with open_memory() as memory:
        pass
    with pytest.raises(ModuleUnavailable):
        await memory.remember_turn("lin", "user", "hello")
    with pytest.raises(ModuleUnavailable):
        await memory.recent("lin", 4)


@pytest.mark.parametrize("text", ["Lin lives in Xi'an", "lin LIVES in Chengdu"])
async def test_a_corrected_fact_takes_the_place_of_the_wrong_one(open_memory, text):
    async with open_memory() as memory:
        await memory.remember_fact("lin", "Lin lives in Chengdu", topic="home", emotion="joy")
        (wrong,) = await memory.facts("lin")
        fact = await memory.correct("lin", wrong.id, text)
        assert (fact.text, fact.emotion, fact.details.topic) == (text, "joy", "home")
        assert [one.text for one in await memory.entries("lin")] == [text]


async def test_a_correction_that_is_known_already_leaves_one_fact(open_memory):
    async with open_memory() as memory:
        await memory.remember_fact("lin", "Lin has a cat")
        await memory.remember_fact("lin", "Lin has a dog")
        wrong = (await memory.facts("lin"))[0]
        assert await memory.correct("lin", wrong.id, "lin has a cat") is None
        assert [one.text for one in await memory.facts("lin")] == ["Lin has a cat"]


async def test_only_facts_that_hold_and_are_ones_own_are_corrected(open_memory):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "hello")
        await memory.remember_fact("mei", "Mei has a cat")
        (turn,) = await memory.entries("lin")
        (fact,) = await memory.facts("mei")
        for person, number, text in (
            ("lin", turn.id, "bye"),
            ("lin", fact.id, "Mei has a dog"),
            ("mei", fact.id, "  "),
        ):
            with pytest.raises(InputError):
                await memory.correct(person, number, text)
        assert [one.text for one in await memory.facts("mei")] == ["Mei has a cat"]
