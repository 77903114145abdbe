"""Settings of the agent's turn."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from xy_core.agent import AgentConfig


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("language", "fr"),
        ("recent_turns", -1),
        ("recall", 51),
        ("max_sentences", 0),
        ("reply_timeout", 0),
        ("colour", "red"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        AgentConfig(**{key: value})


def test_the_smallest_turn_is_allowed():
    config = AgentConfig(recent_turns=0, recall=0, max_sentences=1, speak=False)
    assert config.language == "auto"
