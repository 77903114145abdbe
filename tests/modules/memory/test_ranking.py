"""How words, meaning, mood and recency make one order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.memory.ranking import rank, rarity

SHARES = st.dictionaries(st.integers(1, 50), st.floats(0, 1), max_size=20)


def order(*given, **more):
    return [memory_id for memory_id, _ in rank(*given, **more)]


def test_what_both_find_is_better_than_what_one_finds_as_well():
    assert order({1: 0.8, 2: 0.8}, {2: 0.8, 3: 0.8})[0] == 2


def test_the_best_of_a_search_that_found_little_does_not_stand_beside_a_sure_find():
    assert order({1: 0.2, 2: 0.15}, {3: 0.9, 4: 0.85, 1: 0.1})[:2] == [3, 4]


def test_a_whole_match_of_rare_words_beats_near_misses_that_mean_the_same():
    near_misses = dict.fromkeys(range(2, 12), 0.82)
    assert order({1: 0.9} | dict.fromkeys(near_misses, 0.4), {1: 0.78} | near_misses)[0] == 1


def test_mood_and_recency_decide_among_what_bears_on_it_as_well():
    assert order({1: 0.5, 2: 0.5}, None) == [2, 1]
    assert order({1: 0.5, 2: 0.5}, None, [1]) == [1, 2]
    assert order({1: 0.1, 2: 0.9}, None, [1]) == [2, 1]


def test_a_mood_alone_brings_nothing_that_no_search_found():
    assert order({1: 0.5}, None, [7]) == [1]


@given(words=SHARES, meaning=st.none() | SHARES, felt=st.sets(st.integers(1, 50)))
def test_everything_that_was_found_is_ranked_once_and_in_order(words, meaning, felt):
    ranked = rank(words, meaning, felt)
    assert {memory_id for memory_id, _ in ranked} == words.keys() | (meaning or {}).keys()
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score < 1.2 for score in scores)


def test_rare_words_tell_more():
    assert rarity(1, 1_000) == pytest.approx(math.log(999.5 / 1.5))
    assert rarity(1, 1_000) > rarity(10, 1_000) > rarity(600, 1_000) == rarity(9, 3) == 1e-6
