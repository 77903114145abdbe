"""A reply while it is being written: nothing is lost, doubled or shown beyond the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xy_core.agent.draft import Draft
from xy_core.modules.voice import SentenceSplitter

ENOUGH = 10_000
texts = st.lists(
    st.sampled_from(
        (
            "Hello",
            " ",
            "world",
            ". ",
            "! ",
            "?",
            "\n",
            "3.5",
            "Dr. ",
            "…",
            "我很好",
            "。",
            "，",
            ", ",
        )
    )
    | st.text(max_size=5)
    | st.just("word " * 40)
    | st.just("长" * 90),
    max_size=30,
)


def write(draft: Draft, pieces: list[str]) -> tuple[list[str], list[str]]:
    """Add pieces until the draft is full, as a turn does; return what it showed and said."""
    shown, said = [], []
    for piece in pieces:
        part, sentences = draft.add(piece)
        shown.append(part)
        said += sentences
        if draft.full:
            break
    return shown, said + draft.finish()


@given(texts)
def test_with_room_enough_all_of_it_is_shown_and_said(pieces):
    draft = Draft(ENOUGH)
    shown, said = write(draft, pieces)
    assert draft.text == "".join(shown) == "".join(said) == "".join(pieces)
    assert not draft.full


@given(texts, st.integers(1, 4))
def test_what_is_shown_is_what_is_said_whatever_the_cuts(pieces, limit):
    draft = Draft(limit)
    shown, said = write(draft, pieces)
    assert draft.text == "".join(shown) == "".join(said)
    assert "".join(pieces).startswith(draft.text)
    assert len(said) <= limit
    assert draft.full or draft.text == "".join(pieces)


@given(st.lists(st.sampled_from(("One. ", "Two! ", "好。", "Is it? ")), max_size=6), st.data())
def test_the_pieces_do_not_matter_where_sentences_are_short(sentences, data):
    text = "".join(sentences)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    whole, parts = Draft(2), Draft(2)
    assert write(parts, pieces)[1] == write(whole, [text])[1]
    assert parts.text == whole.text == "".join(sentences[:2])


def test_it_is_full_after_enough_sentences_and_stays_so():
    draft = Draft(2)
    assert draft.add("One. Two. Thr") == ("One. Two. ", ["One. ", "Two. "])
    assert draft.full
    assert draft.add("ee. Four. ") == ("", [])
    assert draft.finish() == []
    assert draft.text == "One. Two. "


def test_the_sentence_that_is_open_at_the_end_is_said():
    draft = Draft(3)
    assert draft.add("One. And tw") == ("One. And tw", ["One. "])
    assert not draft.full
    assert draft.finish() == ["And tw"]


def test_a_sentence_cut_for_its_length_is_said_as_far_as_it_was_shown():
    draft = Draft(1)
    shown, said = write(draft, list("enormous " * 30))
    assert draft.full
    assert said == ["".join(shown)] == [draft.text]


def test_it_cuts_where_the_voice_cuts():
    text = "Dr. Li paid 3.5 yuan. 真的吗？是的。 Well"
    splitter = SentenceSplitter()
    assert write(Draft(ENOUGH), list(text))[1] == splitter.feed(text) + splitter.flush()
