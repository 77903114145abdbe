"""Full-text queries made of any text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.memory.backends.database import open_database
from xy_core.modules.memory.terms import has_han, index_text, match_expression

FIND = "SELECT rowid FROM word WHERE word MATCH ?"
HOSTILE = ('"', "'", "*", "a AND", "NEAR(", "content:x", "-x", "^x", "a\0b", "{", "\ud800", "OR OR")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path_factory.mktemp("terms") / "memory.db")
    yield connection
    connection.close()


@given(st.text() | st.text(st.sampled_from(" \"'*()^:-+{}\0ORANDNEARx的猫_")))
def test_no_text_reaches_the_syntax_of_the_index(index, query):
    expression = match_expression(query)
    if expression:
        index.execute(FIND, (expression,)).fetchall()


@pytest.mark.parametrize("query", HOSTILE)
def test_operators_are_words_or_nothing(index, query):
    expression = match_expression(query)
    assert not expression or index.execute(FIND, (expression,)).fetchall() == []


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=12))
def test_any_chinese_text_finds_itself(index, text):
    index.execute("BEGIN")
    row = index.execute("INSERT INTO word (content) VALUES (?)", (index_text(text),)).lastrowid
    assert (row,) in index.execute(FIND, (match_expression(text),)).fetchall()
    index.execute("ROLLBACK")


def test_common_words_are_left_out_unless_alone():
    assert match_expression("What is my cat?") == '"cat"'
    assert match_expression("what is") == '"what" OR "is"'
    assert match_expression("我的猫") == '"的 猫"'
    assert match_expression("你们") == '"你 们"'
    assert match_expression("?!") == ""


def test_long_queries_are_cut():
    assert match_expression(" ".join(f"w{n}" for n in range(1_000))).count(" OR ") == 63


def test_chinese_is_recognised():
    assert has_han("ok 好")
    assert not has_han("café")
