"""Emotion: what a person feels, read from words, voice and face, and the mood it adds up to."""

from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.crisis import CrisisSign, find_crisis
from xy_core.modules.emotion.events import MoodMoved
from xy_core.modules.emotion.face.scores import FaceScores
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
    "FaceScores",
    "Modality",
    "MoodMoved",
    "find_crisis",
    "fuse",
]
