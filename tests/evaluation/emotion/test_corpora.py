from __future__ import annotations

from pathlib import Path

from xy_core.evaluation.emotion.corpora import Example, clue, goemotions, meld
from xy_core.modules.emotion.types import Emotion


def test_goemotions_may_have_several_emotions(tmp_path: Path):
    (tmp_path / "labels.txt").write_text("anger\ndisgust\nfear\njoy\nsadness\nsurprise\nneutral")
    file = tmp_path / "test.tsv"
    file.write_text("so glad!\t3,5\ta1\nbroken row\nok\t6\ta2\n")
    assert list(goemotions(file)) == [
        Example("so glad!", (Emotion.JOY, Emotion.SURPRISE)),
        Example("ok", (Emotion.NEUTRAL,)),
    ]


def test_meld_quotes_what_has_commas(tmp_path: Path):
    file = tmp_path / "test.csv"
    file.write_text('Sr No.,Utterance,Speaker,Emotion\n1,"Oh, no!",Ross,sadness\n')
    assert list(meld(file)) == [Example("Oh, no!", (Emotion.SADNESS,))]


def test_clue_has_two_words_for_joy(tmp_path: Path):
    file = tmp_path / "test.jsonl"
    file.write_text('{"content": "爱", "label": "like"}\n{"content": "乐", "label": "happiness"}\n')
    assert [example.emotions for example in clue(file)] == [(Emotion.JOY,)] * 2
