"""What every policy is given, and that all say the same."""

from __future__ import annotations

import pytest

from xy_core.bench.experiments.embedded import Spoken, spoken

REPLY = "I am sorry to hear that. The sign says no parking, so drive on! " * 4


@pytest.mark.parametrize(
    "reply", [REPLY, REPLY[:30], "one word", "", "   ", "Dr. Li paid 3.5 yuan."]
)
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_by_sentences_as_much_is_said_as_in_one_piece(reply, size):
    taking = Spoken()
    said = []
    for start in range(0, len(reply), size):
        said += taking.feed(reply[start : start + size])
    said += taking.flush()
    assert " ".join(said).split() == spoken(reply).split()
    assert taking.reply == reply
    assert all(said)


def test_a_sentence_is_given_out_before_the_reply_is_whole():
    taking = Spoken()
    assert taking.feed("That is sad. Let us") == ["That is sad."]
    assert taking.flush() == ["Let us"]
