"""In which language to answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.agent.language import language_of


@pytest.mark.parametrize(
    ("words", "heard", "language"),
    [
        ("How are you?", None, "en"),
        ("你好吗？", None, "zh"),
        ("我今天收到了 offer，太开心了", None, "zh"),
        ("What does 好 mean in English?", None, "en"),
        ("How are you?", "zh", "en"),
        ("你好", "en", "zh"),
        ("", None, "en"),
        ("", "zh", "zh"),
        ("123 !?", "zh", "zh"),
        ("123 !?", "fr", "en"),
        ("好 good", "zh", "zh"),
        ("好 good", None, "en"),
        ("🙂", None, "en"),
    ],
)
def test_the_language_of_words(words, heard, language):
    assert language_of(words, heard) == language


@given(st.text(max_size=50), st.none() | st.text(max_size=3))
def test_there_is_always_one_that_the_agent_speaks(words, heard):
    assert language_of(words, heard) in {"en", "zh"}
