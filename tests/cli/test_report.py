"""The demonstration's page: complete, self-contained, and safe from what it shows."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

import pytest

from xy_core.cli.report import render_report

HOSTILE = "\"'><script>alert(1)</script>$title ${turns} %s {x}"
TURN: dict[str, Any] = {
    "turn": 1,
    "input": {"text": "hello", "audio": "", "image": ""},
    "reply": "Hi.",
    "language": "en",
    "transcript": None,
    "vision": {"lines": [{"text": "TEA"}]},
    "emotion": {"top": "joy", "probabilities": {"joy": 0.9, "neutral": 0.1}},
    "memory": None,
    "expression": {"directive": "warm"},
    "seconds": {"done": 1.0},
    "audio": "turn_1.wav",
    "audio_check": {"heard": "hi", "error_rate": 0.25},
}
TASK: dict[str, Any] = {
    "name": "llm.generate",
    "lane": "device:cpu",
    "priority": "HIGH",
    "worker": "device:cpu-1",
    "started_at": 10.0,
    "ended_at": 12.5,
}


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XY_LANG", "en")


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(value: Any) -> Any:
    """Put hostile text wherever there is text."""
    if isinstance(value, dict):
        return {key: hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_a_turn_shows_all_that_happened():
    page = Page(render_report([TURN], [TASK]))
    for words in ("hello", "TEA", "joy", "warm", "Hi.", "25%", "joy 90%", "2500 ms"):
        assert words in page.text
    assert ("audio", {"controls": None, "src": "turn_1.wav"}) in page.tags


def test_it_needs_nothing_else():
    page = Page(render_report([TURN], [TASK]))
    links = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href"}
    ]
    assert links == ["turn_1.wav"]
    assert "@import" not in page.text
    assert "url(" not in page.text


def test_what_users_and_models_say_is_text_and_nothing_more():
    emotion = {"top": HOSTILE, "probabilities": {HOSTILE: 0.9}}
    turn = hostile(copy.deepcopy(TURN)) | {"emotion": emotion}
    text = render_report([turn], [hostile(TASK)])
    page = Page(text)
    assert "<script" not in text
    assert HOSTILE in page.text
    kinds = {tag for tag, _ in page.tags}
    assert kinds == {tag for tag, _ in Page(render_report([TURN], [TASK])).tags}
    assert {
        name for _, attributes in page.tags for name in attributes if name.startswith("on")
    } == set()


def test_a_turn_of_which_parts_are_missing_is_shown_as_well():
    bare = TURN | {"vision": None, "emotion": None, "expression": None, "transcript": None}
    assert "Hi." in Page(render_report([bare], [TASK])).text
    heard = bare | {"input": {"text": ""}, "transcript": {"text": "spoken words"}}
    assert "spoken words" in Page(render_report([heard], [TASK])).text


def test_tasks_that_never_ran_and_no_tasks_at_all_are_no_trouble():
    waiting = TASK | {"started_at": None, "ended_at": None, "lane": "cpu"}
    assert "rect" not in {tag for tag, _ in Page(render_report([TURN], [waiting])).tags}
    assert render_report([TURN], [])
    assert render_report([], [TASK])


def test_it_speaks_chinese(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_LANG", "zh")
    assert "三轮对话" in render_report([TURN], [TASK])
