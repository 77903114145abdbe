"""What the emotion module tells the other modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xy_core.core.events import Event
from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.fusion import Evidence
from xy_core.modules.emotion.types import EmotionReading


@dataclass(frozen=True, slots=True, kw_only=True)
class MoodMoved(Event):
    """A reading has moved somebody's mood.

    Attributes:
        person: whose mood it is.
        reading: what moved it.
        mood: where it is now.
        evidence: what the reading was made of, if that is known.
    """

    topic: ClassVar[str] = "emotion.mood"
    person: str
    reading: EmotionReading
    mood: Affect
    evidence: tuple[Evidence, ...] = ()
