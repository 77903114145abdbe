"""Finds lasting facts in a conversation with the language model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xy_core.agent.language import language_of
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService, Message
from xy_core.modules.memory import FactDraft, Memory

_TASK = {
    "en": "Below is what a user said. Write down lasting facts about the user, one a line, as "
    "topic: sentence. Topics: {topics}. Write only what the user said. If there is nothing, "
    "write: none.",
    "zh": "下面是用户说的话。请写下关于用户的长期事实，每行一条，格式为 主题: 句子。"
    "主题：{topics}。只写用户说过的内容。如果没有，就写：无。",
}
_KNOWN = {"en": "Known already: {facts}", "zh": "已知：{facts}"}
_SINGLE = {
    "en": ("name", "age", "birthday", "home", "birthplace", "job", "partner"),
    "zh": ("姓名", "年龄", "生日", "住处", "出生地", "工作", "伴侣"),
}
_MANY = {
    "en": ("likes", "dislikes", "family", "health", "plan"),
    "zh": ("喜欢", "讨厌", "家人", "健康", "计划"),
}
_LINE = re.compile(r"^[\s\-*•\d.]*([^\W\d_]{1,20})\s*[:：]\s*(\S.{2,200})$")
_PIECE = re.compile(r"[a-z]{3,}|\d+|[\u4e00-\u9fff]")
_GROUNDED = 0.5
"""Share of a fact's pieces that must stand in what was said: models make facts up."""
_MOST_LINES, _MOST_CHARACTERS = 5, 1_000


@dataclass(frozen=True, slots=True)
class FactFinder:
    """An extractor for `MemoryService.learn`; it writes at LOW priority, and gives way."""

    llm: LLMService

    async def __call__(
        self, turns: Sequence[Memory], known: Sequence[Memory]
    ) -> Sequence[FactDraft]:
        """Return the facts that the user's newest words tell.

        Raises:
            BackendError: the model failed.
        """
        said = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
        if not said:
            return ()
        language = language_of(said, None)
        written = ""
        messages = _messages(said, known, language)
        low = TaskPriority.LOW
        async with self.llm.generate(messages, language=language, priority=low) as stream:
            async for delta in stream:
                written += delta.text
                if len(written) > _MOST_CHARACTERS:
                    break
        return read_facts(written, said, language)


def read_facts(written: str, said: str, language: str) -> list[FactDraft]:
    """Return the facts in a model's reply, without those that were not said.

    The confidence is the share of a fact's words, or Chinese characters, that were said.
    """
    spoken = set(_PIECE.findall(said.casefold()))
    topics = {*_SINGLE[language], *_MANY[language]}
    found: list[FactDraft] = []
    for line in written.splitlines():
        match = _LINE.match(line.strip())
        if match is None or match[1].casefold() not in topics:
            continue
        topic, sentence = match[1].casefold(), match[2].strip()
        pieces = set(_PIECE.findall(sentence.casefold())) - {"user", "the", "用", "户"}
        grounded = len(pieces & spoken) / len(pieces) if pieces else 0.0
        if grounded >= _GROUNDED:
            found.append(FactDraft(sentence, topic, topic in _SINGLE[language], grounded))
    return found[:_MOST_LINES]


def _messages(said: str, known: Sequence[Memory], language: str) -> list[Message]:
    topics = ", ".join(_SINGLE[language] + _MANY[language])
    task = [_TASK[language].format(topics=topics)]
    if known:
        facts = "; ".join(fact.text for fact in known[:_MOST_LINES])
        task.append(_KNOWN[language].format(facts=facts))
    return [Message(role="system", content="\n".join(task)), Message(role="user", content=said)]
