"""Which words were heard after how long."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.server.realtime.heard import Heard


def spoken(*sentences: tuple[str, float]) -> Heard:
    heard = Heard()
    for index, (text, seconds) in enumerate(sentences):
        heard.written(index, text)
        heard.spoken(index, seconds / 2)
        heard.spoken(index, seconds / 2)
    return heard


ENGLISH = spoken(("I am so sorry.", 2.0), ("Tell me more about it.", 4.0))
CHINESE = spoken(("我很难过。", 2.0), ("你想聊聊吗?", 3.0))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, ""),
        (1, "I am so"),
        (2, "I am so sorry."),
        (4, "I am so sorry. Tell me"),
        (99, "I am so sorry. Tell me more about it."),
    ],
)
def test_words_count_that_fit_into_what_was_played(seconds: float, words: str):
    assert ENGLISH.until(seconds) == words


def test_each_chinese_character_counts():
    assert CHINESE.until(1) == "我很"
    assert CHINESE.until(3.5) == "我很难过。你想聊"


def test_a_sentence_that_was_not_spoken_yet_was_not_heard():
    heard = spoken(("One.", 1.0))
    heard.written(1, "Two.")
    assert heard.until(9) == "One."


def test_nothing_spoken_is_nothing_heard():
    assert Heard().until(5) == ""


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_more_time_never_means_fewer_words(moments: list[float]):
    texts = [ENGLISH.until(moment) for moment in sorted(moments)]
    assert all(len(one) <= len(two) for one, two in pairwise(texts))
