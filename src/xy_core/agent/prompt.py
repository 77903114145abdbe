"""What the language model is told in a turn."""

from __future__ import annotations

from collections.abc import Sequence

from xy_core.agent.express import Expression
from xy_core.agent.percept import Percept
from xy_core.modules.llm import Message
from xy_core.modules.memory import Memory

_PERSONA = {
    "en": "You are {name}, a warm companion. Answer in one to three short sentences. "
    "Be {directive}.",
    "zh": "你是{name}，一个温暖的伙伴。用一到三句简短的话回答，语气{directive}。",
}
_SEEN = {"en": "(The picture: {facts})", "zh": "（图片：{facts}）"}
_KNOWN = {"en": "You remember that the user said: {texts}", "zh": "你记得用户说过：{texts}"}
_LOOK = {"en": "What do you see in this picture?", "zh": "你在这张图片里看到了什么？"}


def build_messages(
    percept: Percept, expression: Expression, recent: Sequence[Memory], name: str
) -> list[Message]:
    """Return the messages of one request: system, recent turns, and what the user says now.

    Args:
        percept: what was perceived.
        expression: how to answer.
        recent: the latest turns, oldest first, without the present one.
        name: the agent's name.
    """
    language = percept.language
    system = [_PERSONA[language].format(name=name, directive=expression.directive)]
    if percept.memories:
        texts = "; ".join(found.memory.text for found in percept.memories)
        system.append(_KNOWN[language].format(texts=texts))
    turns = [Message(role=memory.role, content=memory.text) for memory in recent]
    words = percept.words or _LOOK[language]
    if percept.facts is not None:
        # A small model overlooks what stands far from the question.
        words = _SEEN[language].format(facts=percept.facts.describe(language)) + "\n" + words
    return [
        Message(role="system", content="\n".join(system)),
        *turns,
        Message(role="user", content=words),
    ]
