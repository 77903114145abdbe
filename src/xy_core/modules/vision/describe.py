"""Says what is known of a picture, and no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xy_core.modules.vision.types import SceneFacts

_MAX_LINES = 6
_MAX_COLOURS = 2
_MAX_CHARACTERS = 240
_MAX_SEEN = 600
_DARK, _BRIGHT = 0.3, 0.7

_COLOURS_ZH = {
    "black": "黑色",
    "blue": "蓝色",
    "brown": "棕色",
    "gray": "灰色",
    "green": "绿色",
    "orange": "橙色",
    "pink": "粉色",
    "purple": "紫色",
    "red": "红色",
    "white": "白色",
    "yellow": "黄色",
}


def describe(facts: SceneFacts, language: str) -> str:
    """Return one or two short sentences for a prompt, in ``zh`` or else in English."""
    return _chinese(facts) if language == "zh" else _english(facts)


def _english(facts: SceneFacts) -> str:
    quoted = ", ".join(f'"{text}"' for text in _texts(facts))
    written = f"It says {quoted}." if quoted else "No text can be read in it."
    light = _light(facts, dark="dark, ", bright="bright, ")
    colours = " and ".join(colour.name for colour in facts.colours[:_MAX_COLOURS])
    return f"{written} It is {light}mostly {colours}.{' ' * bool(facts.seen)}{_seen(facts)}"


def _chinese(facts: SceneFacts) -> str:
    quoted = "、".join(f"“{text}”" for text in _texts(facts))
    written = f"上面写着{quoted}。" if quoted else "上面没有能认出的文字。"
    light = _light(facts, dark="较暗，", bright="明亮，")
    colours = "和".join(_COLOURS_ZH[colour.name] for colour in facts.colours[:_MAX_COLOURS])
    return f"{written}画面{light}主要是{colours}。{_seen(facts)}"


def _seen(facts: SceneFacts) -> str:
    """Return what a model saw, within bounds."""
    return " ".join(facts.seen.split())[:_MAX_SEEN]


def _texts(facts: SceneFacts) -> list[str]:
    """Return what was read, within bounds: a page of text would crowd out the conversation."""
    texts: list[str] = []
    room = _MAX_CHARACTERS
    for line in facts.lines[:_MAX_LINES]:
        if room <= 0:
            break
        texts.append(line.text[:room])
        room -= len(line.text)
    return texts


def _light(facts: SceneFacts, *, dark: str, bright: str) -> str:
    if facts.brightness < _DARK:
        return dark
    return bright if facts.brightness > _BRIGHT else ""
