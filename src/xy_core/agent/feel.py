"""How a turn feels: what words, voice and face say, and where it moves the mood."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from xy_core.agent.context import TurnContext
from xy_core.agent.events import Felt
from xy_core.core.errors import ModuleError, XyCoreError
from xy_core.core.task import TaskPriority
from xy_core.modules.emotion import Affect, Emotion, EmotionReading, EmotionService, Evidence
from xy_core.modules.memory import MemoryService, MoodPoint


@dataclass(frozen=True, slots=True)
class Feeling:
    """What the user feels.

    Attributes:
        reading: of this moment.
        mood: what it adds up to; None if nothing could be read.
        evidence: what the reading was made of.
    """

    reading: EmotionReading = field(default_factory=EmotionReading.nothing)
    mood: Affect | None = None
    evidence: Sequence[Evidence] = ()


async def sense(turn: TurnContext) -> Sequence[Evidence]:
    """Return what voice and face say; this needs no words, so it runs while they are found."""
    try:
        emotion = turn.engine.module(EmotionService)
    except ModuleError:
        return ()  # told once, by `feel`
    given, priority = turn.input, TaskPriority.HIGH
    readings = []
    if given.audio is not None:
        voice = emotion.read_voice(
            given.person, given.audio.samples, given.audio.rate, priority=priority
        )
        readings.append(turn.or_without("emotion", voice, []))
    if given.image is not None:
        face = emotion.read_face(given.image.pixels, priority=priority)
        readings.append(turn.or_without("emotion", face, []))
    found = [piece for pieces in await asyncio.gather(*readings) for piece in pieces]
    return found if given.face is None else [*found, given.face.evidence()]


async def feel(turn: TurnContext, words: str, sensed: Sequence[Evidence]) -> Feeling:
    """Read the words, join them with what was sensed, and let it move the mood."""

    async def read() -> Feeling:
        emotion = turn.engine.module(EmotionService)
        person = turn.input.person
        if not emotion.knows(person):
            await _remember_mood(turn, emotion)
        text = await emotion.read_text(words, priority=TaskPriority.HIGH)
        evidence = [Evidence.of_text(text), *sensed]
        reading = emotion.fuse(evidence)
        mood = await emotion.feel(person, reading, evidence)
        await turn.tell(Felt(reading, mood, evidence))
        return Feeling(reading, mood, evidence)

    return await turn.or_without("emotion", read(), Feeling())


def mood_point(turn: TurnContext, feeling: Feeling, words: str, *, crisis: bool) -> MoodPoint:
    """Return this moment as an entry of the timeline."""
    mood = feeling.mood or Affect.neutral()
    return MoodPoint(
        person=turn.input.person,
        time=time.time(),
        emotion=(Emotion.NEUTRAL if feeling.reading.unsure else feeling.reading.top).value,
        intensity=feeling.reading.intensity,
        valence=mood.valence,
        arousal=mood.arousal,
        mood={emotion.value: share for emotion, share in mood.probabilities.items()},
        sources=tuple(
            dict.fromkeys(piece.modality.value for piece in feeling.evidence if piece.confidence)
        ),
        topic=words,
        crisis=crisis,
    )


async def _remember_mood(turn: TurnContext, emotion: EmotionService) -> None:
    """Take up the mood, and the worry, of an earlier run of the program."""
    person = turn.input.person
    try:
        memory = turn.engine.module(MemoryService)
        last = await memory.timeline(person, limit=1)
        crises = await memory.timeline(person, limit=1, crisis=True)
    except XyCoreError:
        return  # a mood that cannot be recalled is a new one; memory's own part tells why
    for point in last:
        shares = {one: point.mood.get(one.value, 0.0) for one in Emotion}
        emotion.restore(person, Affect(shares), time.time() - point.time)
    for point in crises:
        emotion.worry(person, time.time() - point.time)
