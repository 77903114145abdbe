"""The questions by which memory is judged: which are reported, and which chose its constants."""

from __future__ import annotations

from collections import Counter

from training.memory.fusion import development
from xy_core.bench.memory_questions import FIRST_KINDS, read_questions


def test_one_half_of_the_first_kinds_is_reported_and_all_of_the_later_ones():
    asked = read_questions()
    reported, chose = (asked.half(reported=told) for told in (True, False))
    assert sorted(reported + chose) == [*range(len(asked.questions))]
    kinds = Counter(asked.questions[place].kind for place in reported)
    assert kinds == {"plain": 30, "paraphrase": 24, "exact": 36, "passing": 20, "keyword": 28}
    assert {asked.questions[place].kind for place in chose} == set(FIRST_KINDS)


def test_every_memory_is_asked_for_by_another_text_and_stands_once():
    for asked in (read_questions(), development()):
        assert all(one.question != one.memory for one in asked.questions)
        memories = Counter(one.memory for one in asked.questions if not one.same)
        assert set(memories.values()) == {1}
        assert not set(memories) & set(asked.near)


def test_what_chooses_is_not_what_is_reported():
    texts = {text for one in read_questions().questions for text in (one.memory, one.question)}
    others = development()
    assert not texts & {text for one in others.questions for text in (one.memory, one.question)}
    assert not {one.memory for one in read_questions().questions} & set(others.near)
