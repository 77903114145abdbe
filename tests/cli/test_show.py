"""How moods and lanes look in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from xy_core.cli.show import emotion_word, lanes_table, mood_line
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.modules.emotion import Emotion


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XY_LANG", request.param)
    return request.param


@pytest.mark.parametrize("emotion", Emotion)
def test_every_emotion_has_its_word(emotion: Emotion, language: str):
    assert emotion_word(emotion.value).isascii() == (language == "en")


def test_the_strongest_emotions_stand_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_LANG", "en")
    line = mood_line({"anger": 0.05, "joy": 0.8, "fear": 0.001, "neutral": 0.149}).plain
    assert line.split() == ["joy", "█" * 8, "80%", "neutral", "█", "15%", "anger", "█", "5%"]
    assert mood_line({}).plain == ""


async def test_each_lane_shows_what_waits_and_what_has_ended(
    scheduler: GlobalTaskScheduler, language: str
):
    async def work() -> None:
        console.print(lanes_table(scheduler))

    console = Console(width=100, file=io.StringIO())
    await scheduler.run(work, name="llm.generate")
    console.print(lanes_table(scheduler))
    during, after = console.file.getvalue().split("┏")[1:]
    assert "llm.generate MEDIUM" in during
    assert "llm.generate" not in after
    for lane in scheduler.statistics():
        assert lane in after
    assert ("waiting" in after) == (language == "en")
