"""What the language model is told in a turn."""

from __future__ import annotations

from collections.abc import Sequence

from xy_core.agent.claims import Claim, Source
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
_INFORMED = {"en": "You know from {module}: {text}", "zh": "{module}告诉你：{text}"}
_BOTH = {
    "en": "(typed) {typed}\n(said aloud) {said}",
    "zh": "（键入）{typed}\n（说出）{said}",
}
_UNCLEAR = {"en": "(Heard unclearly; ask if it matters.)", "zh": "（语音不太清楚，必要时请确认。）"}
_MASKED = {
    "en": "(The words sound {one}, but the {source} sounds {other}.)",
    "zh": "（话里听起来{one}，但{source}显得{other}。）",
}
_AGAINST = {
    "en": '(The user says "{one}", but the picture reads "{other}".)',
    "zh": "（用户说“{one}”，但图片上写着“{other}”。）",
}
_SOURCES = {
    "en": {Source.VOICE: "voice", Source.FACE: "face"},
    "zh": {Source.VOICE: "声音", Source.FACE: "表情"},
}
_FEELINGS = {
    "en": {
        "joy": "happy",
        "sadness": "sad",
        "anger": "angry",
        "fear": "afraid",
        "surprise": "surprised",
        "disgust": "disgusted",
        "neutral": "calm",
    },
    "zh": {
        "joy": "开心",
        "sadness": "难过",
        "anger": "生气",
        "fear": "害怕",
        "surprise": "惊讶",
        "disgust": "厌恶",
        "neutral": "平静",
    },
}
_MOST_NOTES = 2
_QUOTED = 80
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
    system.extend(
        _INFORMED[language].format(module=note.module, text=note.text) for note in percept.notes
    )
    turns = [Message(role=memory.role, content=memory.text) for memory in recent]
    words = _words(percept)
    if percept.facts is not None:
        # A small model overlooks what stands far from the question.
        words = _SEEN[language].format(facts=percept.facts.describe(language)) + "\n" + words
    words = "\n".join([*_notes(percept), words])
    return [
        Message(role="system", content="\n".join(system)),
        *turns,
        Message(role="user", content=words),
    ]


def _words(percept: Percept) -> str:
    """Return the user's words; where some were typed and some said, which is which."""
    said = percept.transcript.text.strip() if percept.transcript else ""
    if percept.typed and said:
        return _BOTH[percept.language].format(typed=percept.typed, said=said)
    return percept.words or _LOOK[percept.language]


def _notes(percept: Percept) -> list[str]:
    """Return in short what the model should know of how the parts of the input fit."""
    language = percept.language
    notes = [_note(found.one, found.other, language) for found in percept.contradictions]
    unclear = any(claim.source is Source.SAID and claim.doubtful for claim in percept.claims)
    return [*dict.fromkeys(notes)][:_MOST_NOTES] + [_UNCLEAR[language]] * unclear


def _note(one: Claim, other: Claim, language: str) -> str:
    if other.source is Source.PICTURE:
        quotes = (one.text[:_QUOTED], other.text[:_QUOTED])
        return _AGAINST[language].format(one=quotes[0], other=quotes[1])
    feelings = _FEELINGS[language]
    return _MASKED[language].format(
        one=feelings[one.text], source=_SOURCES[language][other.source], other=feelings[other.text]
    )
