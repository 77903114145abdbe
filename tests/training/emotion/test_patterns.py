"""The project's own sentences: well formed, and none of them a case that is tested on."""

from __future__ import annotations

from pathlib import Path

from training.emotion.corpora import OWN, essence
from training.emotion.patterns import MOST, sentences
from xy_core.evaluation.emotion.cases import read_cases


def test_a_pattern_makes_each_choice_of_its_slots_once():
    assert sorted(sentences("{a|b} {c|}!")) == ["a !", "a c!", "b !", "b c!"]


def test_a_pattern_of_many_choices_makes_the_same_few_sentences_each_time():
    pattern = "{0|1|2|3|4|5|6|7|8|9}" * 3
    made = list(sentences(pattern))
    assert len(made) == len(set(made)) == MOST
    assert made == list(sentences(pattern))


def test_a_pattern_without_slots_is_one_sentence():
    assert list(sentences("no slot")) == ["no slot"]


def test_every_own_sentence_is_spelled_out():
    assert not [text for text in _own() if set("{|}") & set(text) or not text.strip()]


def test_no_own_sentence_is_one_of_the_cases():
    cases = {essence(case.text) for case in read_cases()}
    assert not [text for text in _own() if essence(text) in cases]


def _own() -> list[str]:
    return [example.text for corpus in OWN for example in corpus.reader(Path(corpus.file))]
