from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion.backends.features import (
    BUCKETS,
    features,
    is_chinese,
    pieces,
    weigh,
)

EVEN = np.where(np.arange(BUCKETS) % 2, 0, 3).astype(np.float16)
"""A rarity for which only the n-grams of even columns are known."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I can’t WAIT!!", ["i", "can't", "wait", "!", "!"]),
        ("我很ＯＫ😊", ["我", "很", "ok", "😊"]),
        ("at 17 o'clock", ["at", "0", "o'clock"]),
        ("so so...", ["so", "so", "..."]),
        ("難過", ["難", "過"]),
    ],
)
def test_pieces(text: str, expected: list[str]):
    assert pieces(text) == expected


@pytest.mark.parametrize("text", ["", " \n\t", "?!...", "12 345", "\x00\x01", "،؛", "\ud800"])
def test_a_text_without_words_has_no_features(text: str):
    columns, values = features(text)
    assert len(columns) == len(values) == 0


def test_hashes_are_the_same_in_every_process():
    columns, values = features("😊")
    assert columns.tolist() == [547930]
    assert abs(values.item()) == 1


@pytest.mark.parametrize(
    ("text", "chinese"),
    [("我很好", True), ("I'm fine", False), ("我用iPhone", True), ("", False), ("😊", False)],
)
def test_language(text: str, chinese: bool):
    assert is_chinese(text) is chinese


@given(st.text())
def test_features_are_single_columns_within_the_buckets(text: str):
    columns, values = features(text)
    assert len(np.unique(columns)) == len(columns) == len(values)
    assert np.all((columns >= 0) & (columns < BUCKETS))


@given(st.text())
def test_weighed_features_are_known_and_of_unit_length(text: str):
    columns, values = weigh(*features(text), EVEN)
    assert not np.any(columns % 2)
    if len(columns):
        assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)


@given(st.text(st.characters(max_codepoint=0x24F)))
def test_width_does_not_matter(text: str):
    assert pieces(unicodedata.normalize("NFKC", text)) == pieces(text)
