from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion.backends.wording import MOST_CHARACTERS, says_something, worded

KNOWN = {"😂", "a"}


def test_capitals_runs_and_spaces_are_evened_out():
    assert worded("  SOOOOOO\n\tgood!!!!!!  ", KNOWN) == "sooo good!!!"


def test_an_emoji_without_a_token_is_named():
    assert worded("ok🤮", KNOWN) == "ok face with open mouth vomiting"
    assert worded("ok😂", KNOWN) == "ok😂"


def test_what_cannot_be_seen_is_left_out():
    assert worded("a\ud800b\x00c\u200dd\ufe0f👍🏽", KNOWN | {"👍"}) == "abcd👍"


def test_of_a_long_text_both_ends_are_kept():
    read = worded("begin " + "ab " * 50_000 + "end", KNOWN)
    assert read.startswith("begin ")
    assert read.endswith(" end")
    assert len(read) <= MOST_CHARACTERS + 1


@given(st.text(st.characters()))
def test_any_text_can_be_encoded_and_is_trimmed(text: str):
    once = worded(text, KNOWN)
    assert once.encode("utf-8").decode("utf-8") == once.strip()


def test_letters_and_symbols_say_something():
    assert says_something("a")
    assert says_something("好")
    assert says_something("👍")
    assert not says_something(" 12 ?! \x00 ــ")
