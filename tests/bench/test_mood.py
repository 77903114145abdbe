"""A short run of ``xy-core bench mood``: the mood that is meant reaches all four outputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from xy_core.bench.mood import play, script
from xy_core.models import ModelStore
from xy_core.modules.emotion import Emotion
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings


def test_the_script_has_fifty_turns_in_two_languages_and_every_emotion():
    turns = script()
    assert Counter(turn.language for turn in turns) == {"en": 25, "zh": 25}
    assert {turn.felt for turn in turns} == set(Emotion)
    assert len({turn.text for turn in turns}) == 50


@pytest.mark.models
async def test_most_replies_are_in_the_mood_and_all_outputs_have_it(
    model_store: ModelStore, tmp_path: Path
):
    settings = load_settings(
        overrides={
            "memory": {"path": tmp_path / "memory.db", "embedding": None},
            "models": {"root": model_store.root},
            "agent": {"max_sentences": 2},
        }
    )
    turns = script()[4::10]
    async with open_runtime(settings, ["voice", "memory", "emotion", "llm"]) as runtime:
        told: list[str] = []
        played = await play(runtime, turns, "short", told.append, correct=True, speak=True)
    assert told[-1] == f"short: {len(turns)}/{len(turns)}"
    assert all(one.reached == {"text", "speech", "avatar", "image"} for one in played)
    agreeing = [one for one in played if one.consistency.outputs["text"]]
    assert len(agreeing) >= 0.6 * len(played)
    assert all(
        one.consistency.outputs[output] for one in played for output in ("voice", "avatar", "image")
    )
