"""What every engine promises: SQLite, SQLCipher, and a real PostgreSQL server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pgserver
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.modules.held import TIMES, nothing_left
from xy_core.core.errors import ConfigError
from xy_core.modules.memory.backends.cipher import sqlcipher
from xy_core.modules.memory.backends.postgres import PostgresStore
from xy_core.modules.memory.backends.sqlite import MemoryStore
from xy_core.modules.memory.exchange import from_document, to_document
from xy_core.modules.memory.query import ALWAYS, Filter, Query, Span
from xy_core.modules.memory.store import Store
from xy_core.modules.memory.types import (
    FACT,
    FORMER,
    FactDraft,
    Lesson,
    Memory,
    MoodPoint,
    Retention,
)

Open = Callable[..., Store]
POINT = {"intensity": 0.5, "valence": 0.5, "arousal": 0.5, "mood": {"joy": 1.0}}
PEOPLE = ("lin", "wu", "l' OR 1=1 --")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server of its own; the wheel runs it as another user when we are root."""
    with tempfile.TemporaryDirectory(prefix="xypg") as folder:
        running = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE xy0")
            connection.execute("CREATE DATABASE xy1")
        yield running.get_uri()
        running.cleanup()


@pytest.fixture(params=["sqlite", "sqlcipher", "postgres"])
def open_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Open]:
    """Open an empty store; each call opens another one."""
    opened: list[Store] = []

    def open_(max_turns: int = 100) -> Store:
        if request.param == "postgres":
            uri: str = request.getfixturevalue("server")
            address = psycopg.conninfo.make_conninfo(uri, dbname=f"xy{len(opened) % 2}")
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("DROP SCHEMA IF EXISTS xy_memory CASCADE")
            store: Store = PostgresStore(address, max_turns=max_turns)
        else:
            path = tmp_path_factory.mktemp("store") / "memory.db"
            driver = {"driver": sqlcipher("a 'key'")} if request.param == "sqlcipher" else {}
            store = MemoryStore(path, max_turns=max_turns, **driver)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()


@pytest.fixture
def shared_store(open_store: Open) -> Store:
    """One store for all examples of a property."""
    store = open_store(max_turns=4)
    store.use_embedder("test")
    return store


def turn(text: str, person: str = "lin", time: float = 1.0, **more) -> Memory:
    return Memory(more.pop("role", "user"), text, person, time, **more)


def find(store: Store, query: str, person: str = "lin", vector=None, **more):
    return [one.memory.text for one in store.search(person, Query(query, vector, **more))]


def learn(store: Store, text: str, topic: str = "", time: float = 1.0, **more) -> list[Memory]:
    draft = FactDraft(text, topic, more.pop("single", True), more.pop("confidence", 0.5))
    return store.learn(Lesson("lin", (draft,), time, "lin", **more))


def unit(*numbers: float):
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def test_opening_and_closing_leaves_nothing(open_store):
    def use():
        store = open_store()
        store.add([turn("a cat")])
        assert find(store, "cat")
        store.close()

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()


def test_turns_come_oldest_first_and_the_oldest_go(open_store):
    store = open_store(max_turns=3)
    store.add([turn(f"turn {number}", time=float(number)) for number in range(5)])
    assert [one.text for one in store.recent("lin", 9)] == ["turn 2", "turn 3", "turn 4"]
    assert find(store, "turn 0") == ["turn 4", "turn 3", "turn 2"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("PEANUT allergies", ["I am allergic to peanuts"]),
        ("北京", ["昨天我去北京看了长城"]),
        ("Café", ["we met in the cafe"]),
    ],
)
def test_words_are_found_in_both_languages(store, query, expected):
    store.add(
        [turn("I am allergic to peanuts"), turn("昨天我去北京看了长城"), turn("we met in the cafe")]
    )
    assert find(store, query) == expected


def test_a_name_said_in_passing_tells_as_much_as_in_a_short_message(store):
    walk = "we walked along the canal and talked about films and food and old times " * 6
    store.add(
        [turn(f"{walk} until Ottoline went home"), turn("it was a long day"), turn("Balthazar")]
    )
    store.add([turn(f"day {number} was long") for number in range(20)])
    found = store.search("lin", Query("Ottoline"))
    assert [one.memory.text[-8:] for one in found] == ["ent home"]
    (short,) = store.search("lin", Query("Balthazar"))
    assert found[0].score == pytest.approx(short.score)


@pytest.mark.parametrize(
    "query", ['"', "' OR 1=1 --", "a AND", "NEAR(", "(|&!:*)", "a <-> b", "%s", "\\", "{}"]
)
def test_operators_are_words_or_nothing(store, query):
    store.add([turn("a cat")])
    assert find(store, query) in ([], ["a cat"])


def test_meaning_words_and_mood_are_joined(store):
    store.use_embedder("test")
    store.add([turn("cats purr", emotion="joy"), turn("dogs bark"), turn("Momo sleeps")])
    ids = [memory_id for memory_id, _ in store.without_vector(9)]
    store.set_vectors(ids, np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0.9, 0.1, 0)]))
    assert store.without_vector(9) == []
    assert find(store, "zzz", vector=unit(1, 0, 0)) == ["cats purr", "Momo sleeps"]
    assert find(store, "bark", vector=unit(0, 1, 0)) == ["dogs bark"]
    assert find(store, "", emotion="joy") == ["cats purr"]
    store.add([turn("Momo eats", time=2.0)])
    ((fresh, _),) = store.without_vector(9)
    store.set_vectors([fresh], unit(1, 0, 0)[None])
    assert "Momo eats" in find(store, "zzz", vector=unit(1, 0, 0))
    assert "Momo eats" not in find(store, "zzz", vector=unit(1, 0, 0), skip_recent=1)
    store.use_embedder("another")
    assert len(store.without_vector(9)) == 4
    assert find(store, "zzz", vector=unit(1, 0, 0)) == []


def test_a_fact_that_is_said_again_is_confirmed(store):
    (first,) = learn(store, "Lin likes tea.", source=None)
    assert learn(store, "lin likes TEA", time=5.0) == []
    (fact,) = store.entries("lin", Filter((FACT,)))
    assert (fact.id, fact.details.confidence, fact.details.confirmed) == (first.id, 0.75, 5.0)


def test_a_contradiction_supersedes_and_leaves_its_history(store):
    store.add([turn("I moved to Chengdu", time=9.0)])
    (said,) = store.recent("lin", 1)
    learn(store, "Lin lives in Xi'an", "home", 1.0, emotion="joy")
    learn(store, "Lin lives in Wuhan", "Home", 2.0)
    learn(store, "Lin likes tea", "likes", single=False)
    learn(store, "Lin likes jazz", "likes", single=False)
    (now,) = learn(store, "Lin lives in Chengdu", "home", 9.0, source=said.id)
    assert find(store, "where does Lin live?")[0] == "Lin lives in Chengdu"
    assert "Lin lives in Wuhan" not in find(store, "Lin lives Wuhan")
    holds = [one.text for one in store.entries("lin", Filter((FACT,)))]
    assert sorted(holds) == ["Lin likes jazz", "Lin likes tea", "Lin lives in Chengdu"]
    history = store.history("lin", now.id)
    assert [one.text for one in history] == [
        f"Lin lives in {x}" for x in ("Chengdu", "Wuhan", "Xi'an")
    ]
    assert [one.role for one in history] == [FACT, FORMER, FORMER]
    assert (history[0].details.source, history[2].emotion) == (said.id, "joy")
    assert (history[2].details.superseded, history[2].details.successor) == (2.0, history[1].id)
    assert store.history("wu", now.id) == []


def test_who_forgets_a_turn_forgets_what_was_learned_from_it(store):
    store.add(
        [turn("my secret is zanzibar", time=5.0), turn("hello", time=6.0)],
        [MoodPoint("lin", 5.0, "joy", topic="my secret is zanzibar", **POINT)],
    )
    said = store.recent("lin", 2)[0]
    learn(store, "Lin was born in Zanzibar", "birthplace", source=said.id)
    learn(store, "Lin was born in Accra", "birthplace", time=7.0)
    assert store.forget_items("wu", [said.id]) == 0
    assert store.forget_items("lin", [said.id, said.id, 999]) == 2
    assert find(store, "zanzibar") == []
    assert store.entry("lin", said.id) is None
    assert store.moods("lin", Span(0, 9), limit=9, crisis=False) == []
    assert find(store, "Accra") == ["Lin was born in Accra"]


def test_a_span_of_time_can_be_forgotten(store):
    store.add(
        [turn(f"tea {number}", time=float(number)) for number in range(5)],
        [MoodPoint("lin", float(number), "joy", **POINT) for number in range(5)],
    )
    assert store.forget_span("lin", Span(1.0, 3.0)) == 2
    assert [one.time for one in store.recent("lin", 9)] == [0, 3, 4]
    moods = store.moods("lin", Span(0, 9), limit=9, crisis=False)
    assert [one.time for one in moods] == [0, 3, 4]


def test_a_policy_lets_old_and_many_go(store):
    store.add([turn(f"tea {number}", time=float(number)) for number in range(6)])
    learn(store, "Lin likes tea", time=1.0)
    learn(store, "Lin likes jazz", time=2.0)
    assert store.retain("wu", Retention(0.0, 0, 0), 100.0) == 0
    assert store.retain("lin", Retention(seconds=3.0), 5.0) == 2
    assert store.retain("lin", Retention(turns=2, facts=1), 5.0) == 3
    left = [one.text for one in store.entries("lin", Filter())]
    assert left == ["Lin likes jazz", "tea 5", "tea 4"]
    assert find(store, "tea 1") == ["tea 5", "tea 4"]


def test_people_and_pages(store):
    store.add([turn(f"tea {number}", time=float(number)) for number in range(5)])
    store.add([turn("hi", "wu", 9.0)], [MoodPoint("chen", 1.0, "joy", **POINT)])
    learn(store, "Lin likes tea")
    summary = [(one.person, one.turns, one.facts, one.moods) for one in store.people()]
    assert summary == [("chen", 0, 0, 1), ("lin", 5, 1, 0), ("wu", 1, 0, 0)]
    first = store.entries("lin", Filter(("user",), limit=2))
    rest = store.entries("lin", Filter(("user",), before=first[-1].id))
    assert [one.text for one in first + rest] == [f"tea {number}" for number in (4, 3, 2, 1, 0)]
    assert store.entries("lin", Filter(("nobody", '"]'))) == []


def exported(store: Store):
    memories, moods = [], []
    for one in store.people():
        memories += store.entries(one.person, Filter(limit=1_000))[::-1]
        moods += store.moods(one.person, ALWAYS, limit=1_000, crisis=False)
    return to_document(memories, moods)


def test_an_export_of_an_import_is_the_same_document(open_store):
    store, other = open_store(), open_store()
    store.add([turn("我住在成都", time=3.0, emotion="joy")], [MoodPoint("wu", 1.0, "joy", **POINT)])
    learn(store, "Lin lives in Wuhan", "home", 1.0)
    learn(store, "Lin lives in Chengdu", "home", 3.0, source=store.recent("lin", 1)[0].id)
    other.add([turn("something else", "wu")])
    document = exported(store)
    read = from_document(json.dumps(document))
    assert other.restore(*read) == 4
    assert other.restore(*read) == 0
    assert find(other, "成都") == ["我住在成都"]
    other.forget_items("wu", [other.recent("wu", 1)[0].id])
    assert exported(other) == document


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PEOPLE),
            st.sampled_from(("add", "learn", "forget", "embed")),
            st.sampled_from(("tea", "jazz", "the red house", "成都的茶")),
        ),
        max_size=12,
    )
)
def test_nobody_ever_sees_anothers_memories(shared_store, steps):
    store = shared_store
    for one in PEOPLE:
        store.forget(one)
    for number, (person, step, text) in enumerate(steps):
        words = f"{person} {text}"
        if step == "add":
            store.add([turn(words, person, float(number), emotion="joy")])
        elif step == "learn":
            store.learn(Lesson(person, (FactDraft(words, "likes"),), float(number), person))
        elif step == "forget":
            store.forget(person)
        else:
            ids = [one for one, _ in store.without_vector(99, english_only=False)]
            if ids:
                store.set_vectors(ids, np.tile(unit(1, 1), (len(ids), 1)))
        for one in PEOPLE:
            found = find(store, words, one, vector=unit(1, 1), emotion="joy", limit=50)
            found += [memory.text for memory in store.entries(one, Filter())]
            assert all(text.startswith(one) for text in found)
            if step == "forget" and one == person:
                assert found == []


def test_a_wrong_key_opens_nothing_and_changes_nothing(tmp_path):
    path = tmp_path / "memory.db"
    store = MemoryStore(path, max_turns=9, driver=sqlcipher("right"))
    store.add([turn("my secret is zanzibar")])
    store.close()
    before = path.read_bytes()
    assert b"zanzibar" not in before
    assert not before.startswith(b"SQLite")
    for driver in ({"driver": sqlcipher("wrong")}, {}):
        with pytest.raises(ConfigError, match=r"memory\.path"):
            MemoryStore(path, max_turns=9, **driver)
        assert path.read_bytes() == before
    again = MemoryStore(path, max_turns=9, driver=sqlcipher("right"))
    assert find(again, "secret") == ["my secret is zanzibar"]
    again.close()
    plain = tmp_path / "plain.db"
    MemoryStore(plain, max_turns=9).close()
    before = plain.read_bytes()
    with pytest.raises(ConfigError, match="not encrypted"):
        MemoryStore(plain, max_turns=9, driver=sqlcipher("right"))
    assert plain.read_bytes() == before
    for key in ("", "a\0b"):
        with pytest.raises(ConfigError, match="key"):
            sqlcipher(key)


def test_a_database_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"memory\.postgres"):
        PostgresStore("host=/nowhere dbname=x connect_timeout=1", max_turns=9)
    with pytest.raises(ConfigError, match=r"memory\.postgres"):
        PostgresStore("no address", max_turns=9)
