"""Facts that a language model finds in what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.agent.facts import read_facts

SAID = "I moved to Chengdu last week and I like strong tea."


def test_lines_become_facts_with_their_topic():
    written = "home: The user moved to Chengdu.\n- Likes: The user likes strong tea\nnone"
    home, tea = read_facts(written, SAID, "en")
    assert (home.text, home.topic, home.single) == ("The user moved to Chengdu.", "home", True)
    assert (tea.topic, tea.single) == ("likes", False)
    assert home.confidence == 1.0
    (zh,) = read_facts("住处：用户搬到了成都", "我上周搬到了成都", "zh")
    assert (zh.topic, zh.single) == ("住处", True)


def test_what_was_not_said_is_not_kept():
    assert read_facts("job: The user works as a nurse in Paris.", SAID, "en") == []
    assert read_facts("weather: I moved to Chengdu", SAID, "en") == []


@given(st.text(), st.sampled_from(["en", "zh"]))
def test_any_reply_can_be_read(written, language):
    for fact in read_facts(written + "\nhome: " + written, SAID, language):
        assert 0.5 <= fact.confidence <= 1


@pytest.mark.parametrize("many", [1_000])
def test_a_flood_is_cut(many):
    assert len(read_facts("likes: I like strong tea\n" * many, SAID, "en")) == 5
