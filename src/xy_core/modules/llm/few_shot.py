"""Makes a base model hold a conversation: it continues a written dialogue.

A base model knows no chat template; it goes on with whatever text it is shown. So it is shown a
dialogue in which someone answers the way we want, and its next line is the reply.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xy_core.modules.llm.types import Message

_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Play:
    """The parts of a written dialogue in one language."""

    user: str
    assistant: str
    colon: str
    examples: tuple[tuple[str, str], ...]


_ZH = _Play(
    user="问",
    assistant="答",
    colon="：",
    # A small model leans on the latest examples: those about feelings stand last.
    examples=(
        ("你周末喜欢做什么？", "我喜欢听音乐，也喜欢和你聊天。"),
        ("图片上写着“小心地滑”。这是什么意思？", "这是在提醒大家地面很滑，走路要小心。"),
        ("同事又把工作推给我，气死我了！", "换成我也会生气的。先冷静一下，再好好和他谈谈吧。"),
        ("我有点害怕明天的手术。", "害怕是很正常的。医生很有经验，我会一直陪着你。"),
        ("我今天面试没通过，心里很难受。", "我听了也很心疼你。先休息一下，下次一定会更好的。"),
        ("我家的狗走丢了，我好伤心。", "听到这个消息我很难过。你一定很想它，我会陪着你的。"),
        ("我升职了，好开心！", "恭喜你升职！这是你应得的，我们一起庆祝一下吧。"),
        ("我考上研究生了！", "太棒了，恭喜你！你的努力终于有了回报，我真为你高兴。"),
    ),
)
_EN = _Play(
    user="Q",
    assistant="A",
    colon=": ",
    examples=(
        ("I failed my interview.", "I am so sorry. Take a rest, the next one will go better."),
        ("I got into university!", "Congratulations! Your hard work has paid off."),
        ("What does a wet floor sign mean?", "It warns you that the floor is slippery."),
    ),
)


def few_shot_prompt(messages: Sequence[Message]) -> str:
    """Return a text whose next line is the reply.

    If the last message is the assistant's, the reply goes on from it.

    The system message becomes the scene, before the examples; the language of the last message
    chooses theirs. Earlier messages in the other language are left out: they would draw the model
    away from this one.
    """
    chinese = _is_chinese(messages[-1])
    play = _ZH if chinese else _EN
    scene = " ".join(message.content for message in messages if message.role == "system")
    lines = [_one_line(scene)] if scene else []
    for said, answered in play.examples:
        lines += [_line(play, play.user, said), _line(play, play.assistant, answered)]
    for message in messages:
        if message.role != "system" and _is_chinese(message) == chinese:
            speaker = play.assistant if message.role == "assistant" else play.user
            lines.append(_line(play, speaker, message.content))
    if messages[-1].role != "assistant":
        lines.append(f"{play.assistant}{play.colon.rstrip()}")
    return "\n".join(lines)


def _line(play: _Play, speaker: str, words: str) -> str:
    return f"{speaker}{play.colon}{_one_line(words)}"


def _is_chinese(message: Message) -> bool:
    return _HAN.search(message.content) is not None


def _one_line(words: str) -> str:
    return " ".join(words.split())
