"""Emotional memory: the timeline of moods, and recall by mood and topic."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

import pytest

from xy_core.core.errors import InputError, ModuleUnavailable
from xy_core.modules.memory import MoodPoint
from xy_core.modules.memory.backends.database import SCHEMA_VERSION


def point(moment: float, emotion: str = "joy", **changes: object) -> MoodPoint:
    plain: dict[str, object] = {
        "person": "lin",
        "time": moment,
        "emotion": emotion,
        "intensity": 0.8,
        "valence": 0.5,
        "arousal": 0.25,
        "mood": {"joy": 0.8, "neutral": 0.2},
        "sources": ("text", "voice"),
        "topic": f"moment {moment:g}",
    }
    return MoodPoint(**(plain | changes))  # type: ignore[arg-type]


async def test_moods_come_oldest_first_whole_and_survive_a_restart(open_memory):
    async with open_memory() as memory:
        for moment in (2.0, 1.0, 3.0):
            await memory.remember_mood(point(moment))
    async with open_memory() as memory:
        found = await memory.timeline("lin")
    assert found == [point(1.0), point(2.0), point(3.0)]


async def test_a_span_of_time_the_newest_and_crises_can_be_asked_for(open_memory):
    async with open_memory() as memory:
        for moment in range(5):
            await memory.remember_mood(point(float(moment), crisis=moment == 1))
        assert [one.time for one in await memory.timeline("lin", since=1, until=4)] == [1, 2, 3]
        assert [one.time for one in await memory.timeline("lin", limit=2)] == [3, 4]
        assert [one.time for one in await memory.timeline("lin", crisis=True)] == [1]


async def test_timelines_are_apart_and_can_be_deleted_for_good(open_memory, tmp_path):
    async with open_memory() as memory:
        await memory.remember_mood(point(1.0, topic="zanzibar"))
        await memory.remember_mood(point(2.0))
        await memory.remember_mood(point(1.0, person="wu", topic="timbuktu"))
        await memory.remember_turn("lin", "user", "hello")
        assert await memory.forget_moods("lin", until=2.0) == 1
        assert [one.time for one in await memory.timeline("lin")] == [2.0]
        assert await memory.forget_moods("lin") == 1
        assert await memory.forget_moods("lin") == 0
        assert len(await memory.recent("lin", 9)) == 1
        assert len(await memory.timeline("wu")) == 1
        left = b"".join(file.read_bytes() for file in tmp_path.glob("memory.db*"))
    assert b"zanzibar" not in left
    assert b"timbuktu" in left


async def test_who_is_forgotten_wholly_has_no_timeline_either(open_memory):
    async with open_memory() as memory:
        await memory.remember_mood(point(1.0))
        await memory.remember_turn("lin", "user", "hello")
        assert await memory.forget("lin") == 1
        assert await memory.timeline("lin") == []


async def test_the_oldest_moods_go_when_there_are_too_many(open_memory):
    async with open_memory(max_turns=3) as memory:
        for moment in range(6):
            await memory.remember_mood(point(float(moment)))
        assert [one.time for one in await memory.timeline("lin")] == [3, 4, 5]


async def test_what_was_said_is_kept_in_short_and_whatever_it_is(open_memory):
    async with open_memory() as memory:
        await memory.remember_mood(point(1.0, topic="x\0\ud800" * 500))
        (found,) = await memory.timeline("lin")
        assert len(found.topic) == 120
        with pytest.raises(InputError, match="name"):
            await memory.remember_mood(point(1.0, person=" "))
    with pytest.raises(ModuleUnavailable):
        await memory.timeline("lin")


async def test_of_what_bears_on_a_topic_that_of_the_mood_comes_first(open_memory):
    async with open_memory() as memory:
        await memory.remember_turn("lin", "user", "the cat purrs", emotion="joy")
        await memory.remember_turn("lin", "user", "the cat is ill", emotion="sadness")
        await memory.remember_turn("lin", "user", "the cat sleeps", emotion="neutral")
        await memory.remember_turn("lin", "user", "I won a prize", emotion="joy")
        happy = await memory.recall("lin", "cat", emotion="joy")
        sad = await memory.recall("lin", "cat", emotion="sadness")
    assert happy[0].memory.text == "the cat purrs"
    assert sad[0].memory.text == "the cat is ill"
    assert {found.memory.text for found in happy} == {found.memory.text for found in sad}
    assert "I won a prize" not in {found.memory.text for found in happy}


async def test_by_mood_alone_all_of_it_is_found_newest_first(open_memory):
    async with open_memory() as memory:
        for text, emotion in (("one", "joy"), ("two", "sadness"), ("three", "joy")):
            await memory.remember_turn("lin", "user", text, emotion=emotion)
        await memory.remember_turn("lin", "assistant", "congratulations", emotion="joy")
        found = await memory.recall("lin", "", emotion="joy")
        assert [one.memory.text for one in found] == ["three", "one"]
        assert await memory.recall("wu", "", emotion="joy") == []
        assert await memory.recall("lin", "", emotion="'; DROP TABLE mood; --") == []


async def test_a_file_of_version_1_is_taken_over_as_it_is(open_memory, tmp_path):
    schema = files("xy_core.modules.memory.backends").joinpath("schema.sql").read_text("utf-8")
    with sqlite3.connect(tmp_path / "memory.db") as old:
        old.executescript(
            f"{schema}\nPRAGMA application_id = {0x78794D45};\nPRAGMA user_version = 1;\n"  # noqa: S608 - ours
            "INSERT INTO memory (role, text, person, time, emotion, english)"
            " VALUES ('user', 'an old cat', 'lin', 1.0, 'joy', 1);"
            "INSERT INTO word (rowid, content) VALUES (1, 'an old cat');"
        )
    old.close()
    async with open_memory() as memory:
        assert [found.memory.text for found in await memory.recall("lin", "cat")] == ["an old cat"]
        await memory.remember_mood(point(1.0))
        assert len(await memory.timeline("lin")) == 1
    with sqlite3.connect(tmp_path / "memory.db") as new:
        assert new.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    new.close()
