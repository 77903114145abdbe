from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.models.unigram import BEGIN, END, UNKNOWN, Unigram
from xy_core.modules.emotion.backends.recogniser import BACKENDS

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
SMALL = Unigram([*SPECIAL, "▁a", "b", "▁ab", "c", "▁"], [0, 0, 0, 0, -2, -2, -3, -2, -5])
SHIPPED = Path(str(BACKENDS / "encoder" / "tokens.tsv"))


def test_the_likeliest_split_is_taken():
    assert SMALL.encode("ab") == [BEGIN, 6, END]
    assert SMALL.encode("ab cb") == [BEGIN, 6, 8, 7, 5, END]


def test_what_is_unknown_is_one_token_however_long():
    assert SMALL.encode("axyzb") == [BEGIN, 4, UNKNOWN, 5, END]
    assert SMALL.encode("") == [BEGIN, END]


def test_full_width_is_read_as_half_width():
    assert SMALL.encode("ａｂ") == SMALL.encode("ab")
    assert SMALL.encode("～") == [BEGIN, 8, UNKNOWN, END]


def test_the_shipped_tokens_are_those_of_the_library():
    tokens = Unigram.load(SHIPPED)
    assert "好" in tokens
    assert "😂" in tokens
    names = SHIPPED.read_text("utf-8").split("\n")
    shown = [names[n].split("\t")[0] for n in tokens.encode("i love this, 今天真的很开心")]
    assert shown == ["<s>", "▁i", "▁love", "▁this", ",", "▁今天", "真的很", "开心", "</s>"]


@given(st.text(st.characters()))
def test_any_text_is_cut(text: str):
    ids = SMALL.encode(text)
    assert (ids[0], ids[-1]) == (BEGIN, END)


@pytest.mark.parametrize("content", ["", "<s>\t0\n", "no tab\n" * 9, "a\tb\n" * 9])
def test_a_damaged_vocabulary_is_refused(tmp_path: Path, content: str):
    file = tmp_path / "tokens.tsv"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"."):
        Unigram.load(file)
