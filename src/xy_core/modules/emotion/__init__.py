"""Emotion: what a person feels, read from text, and the mood that it adds up to."""

from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.crisis import CrisisSign, find_crisis
from xy_core.modules.emotion.events import MoodMoved
from xy_core.modules.emotion.fusion import Evidence, Modality, fuse
from xy_core.modules.emotion.service import EmotionService
from xy_core.modules.emotion.types import Emotion, EmotionReading

__all__ = [
    "Affect",
    "CrisisSign",
    "Emotion",
    "EmotionReading",
    "EmotionService",
    "Evidence",
    "Modality",
    "MoodMoved",
    "find_crisis",
    "fuse",
]
