"""What the language model is told in a turn."""

from __future__ import annotations

import dataclasses

import pytest

from xy_core.agent import Percept, express
from xy_core.agent.prompt import build_messages
from xy_core.modules.emotion import EmotionReading
from xy_core.modules.memory import Memory, Recalled
from xy_core.modules.vision import ColourShare, SceneFacts, TextLine

READING = EmotionReading.nothing()
PLAIN = Percept("How are you?", "en", None, None, READING, ())


def memory(role: str, text: str) -> Memory:
    return Memory(role, text, "user", 0.0)


def build(percept: Percept, recent: tuple[Memory, ...] = ()):
    return build_messages(percept, express(READING, percept.language), recent, "Xiaoyu")


def test_the_persona_comes_first_and_the_users_words_last():
    system, user = build(PLAIN)
    assert (system.role, user.role) == ("system", "user")
    assert "Xiaoyu" in system.content
    assert "friendly" in system.content
    assert user.content == "How are you?"


def test_recent_turns_stand_between_in_their_order():
    recent = (memory("user", "Hi."), memory("assistant", "Hello!"))
    messages = build(PLAIN, recent)
    assert [(m.role, m.content) for m in messages[1:3]] == [
        ("user", "Hi."),
        ("assistant", "Hello!"),
    ]


def test_what_is_remembered_is_told():
    found = (Recalled(memory("fact", "I like tea"), 1.0), Recalled(memory("user", "Rex"), 0.5))
    system, _ = build(dataclasses.replace(PLAIN, memories=found))
    assert "I like tea; Rex" in system.content


@pytest.mark.parametrize(
    ("language", "words", "asked"),
    [
        ("en", "What does it say?", "What does it say?"),
        ("en", "", "What do you see in this picture?"),
        ("zh", "", "你在这张图片里看到了什么？"),
    ],
)
def test_a_picture_stands_beside_the_question(language, words, asked):
    facts = SceneFacts(8, 8, (TextLine("欢迎 TEA", 1.0, ()),), (ColourShare("red", 1.0),), 0.5)
    percept = dataclasses.replace(PLAIN, words=words, language=language, facts=facts)
    seen, question = build(percept)[-1].content.split("\n")
    assert "欢迎 TEA" in seen
    assert question == asked


def test_all_of_it_is_in_the_language_of_the_reply():
    found = (Recalled(memory("fact", "我喜欢茶"), 1.0),)
    system, user = build(dataclasses.replace(PLAIN, words="你好", language="zh", memories=found))
    assert "你是Xiaoyu" in system.content
    assert "你记得" in system.content
    assert user.content == "你好"


@pytest.mark.parametrize("curly", ["{name}", "{0}", "{", "%s", "$x"])
def test_words_are_never_taken_for_placeholders(curly):
    found = (Recalled(memory("fact", curly), 1.0),)
    system, user = build(dataclasses.replace(PLAIN, words=curly, memories=found))
    assert curly in system.content
    assert user.content == curly
