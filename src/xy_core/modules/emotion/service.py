"""The emotion module: reads what people feel, and keeps their moods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from xy_core.core.errors import (
    BackendError,
    MissingExtraError,
    ModelError,
    ModuleUnavailable,
    XyCoreError,
)
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.backends.recogniser import Recogniser, load_recogniser
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.events import MoodMoved
from xy_core.modules.emotion.face.onnx import OnnxFaceReader
from xy_core.modules.emotion.face.scores import FaceScores
from xy_core.modules.emotion.fusion import Evidence, fuse
from xy_core.modules.emotion.moods import Moods
from xy_core.modules.emotion.protocols import FaceReader, Reader, SpeechReader
from xy_core.modules.emotion.speech.prosody import ProsodyReader
from xy_core.modules.emotion.speech.sense_voice import SenseVoiceReader
from xy_core.modules.emotion.types import EmotionReading

ReaderT = TypeVar("ReaderT", bound=Reader)
_FACE = "emotion.face"


class EmotionService(Module[EmotionConfig]):
    """Reads emotions from words, voices and faces, and keeps each person's mood.

    Chinese and English text is read by a small model that ships inside, voices by their prosody;
    further models are read if the configuration names them.
    """

    name: ClassVar[str] = "emotion"
    config_model = EmotionConfig
    publishes = (MoodMoved,)

    def __init__(self, context: ModuleContext, config: EmotionConfig) -> None:
        super().__init__(context, config)
        self._moods = Moods(config)
        self._recogniser: Recogniser | None = None
        self._voice_readers: list[SpeechReader] = []
        self._face_reader: FaceReader | None = None
        self._trouble: XyCoreError | None = None

    @override
    async def initialize(self) -> None:
        """Load the weights; what reads voices and faces may be missing, and `health` says so.

        Raises:
            BackendError: the weights are missing or damaged.
        """
        self._recogniser = await self.context.scheduler.run(
            load_recogniser, name="emotion.load", task_type=TaskType.CPU_BOUND
        )
        self.context.scheduler.limit_key(_FACE, 1)  # a face reader keeps state while it works
        if self.config.speech.prosody:
            await self._open_voice(self._prosody)
        if self.config.speech.model is not None:
            await self._open_voice(self._sense_voice)
        if self.config.face_model is not None:
            self._face_reader = await self._open(self._faces)

    async def read_text(
        self, text: str, *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> EmotionReading:
        """Read the emotion of what somebody wrote or said; any text will do, also none.

        Args:
            text: in Chinese, English or both.
            priority: how urgent it is.

        Raises:
            ModuleUnavailable: the module is not loaded.
            QueueFull: too many tasks wait.
        """
        if self._recogniser is None:
            raise ModuleUnavailable(self.name, None)
        found = await self.context.scheduler.run(
            self._recogniser.read,
            text[: self.config.max_characters],
            name="emotion.text",
            priority=priority,
            task_type=TaskType.CPU_BOUND,
        )
        return EmotionReading.found(found, self.config.unsure_below)

    async def read_voice(
        self,
        person: str,
        samples: npt.NDArray[np.float32],
        rate: int,
        *,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> list[Evidence]:
        """Return what a person's voice says, beside its words; nothing if nobody speaks in it.

        Args:
            person: who speaks; their habits are learned on the way.
            samples: shape (n,), float32 in [-1, 1].
            rate: in hertz.
            priority: how urgent it is.

        Raises:
            BackendError: a reader failed.
            QueueFull: too many tasks wait.
        """
        readings = [
            self.context.scheduler.run(
                reader.read,
                person,
                samples,
                rate,
                name="emotion.voice",
                priority=priority,
                task_type=TaskType.CPU_BOUND,
            )
            for reader in self._voice_readers
        ]
        return [evidence for evidence in await asyncio.gather(*readings) if evidence is not None]

    async def read_face(
        self, pixels: npt.NDArray[np.uint8], *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> list[Evidence]:
        """Return what the largest face in a picture says; nothing without a face, or a model.

        Args:
            pixels: shape (height, width, 3), RGB.
            priority: how urgent it is.

        Raises:
            BackendError: the model failed.
            QueueFull: too many tasks wait.
        """
        if self._face_reader is None:
            return []
        shares = await self.context.scheduler.run(
            self._face_reader.read,
            pixels,
            name=_FACE,
            key=_FACE,
            priority=priority,
            task_type=TaskType.CPU_BOUND,
        )
        return [] if shares is None else [FaceScores(shares).evidence()]

    def fuse(self, evidence: Sequence[Evidence]) -> EmotionReading:
        """Return one reading from all evidence of one moment (see `fusion.fuse`)."""
        return fuse(evidence, self.config.trust, self.config.unsure_below)

    async def feel(
        self, person: str, reading: EmotionReading, evidence: Sequence[Evidence] = ()
    ) -> Affect:
        """Let a reading move a person's mood; publishes `MoodMoved` and returns the mood."""
        mood = self._moods.move(person, reading)
        event = MoodMoved(person=person, reading=reading, mood=mood, evidence=tuple(evidence))
        await self.context.bus.publish(event)
        return mood

    def mood(self, person: str) -> Affect:
        """Return a person's mood as it is now; that of the baseline for a stranger."""
        return self._moods.now(person)

    def knows(self, person: str) -> bool:
        """Whether a mood of this person is kept."""
        return self._moods.knows(person)

    def restore(self, person: str, mood: Affect, age: float) -> None:
        """Take up an earlier run's mood, `age` seconds old, of a person who is not known yet."""
        self._moods.restore(person, mood, age)

    def worry(self, person: str, age: float = 0.0) -> None:
        """Note a sign that a person may harm themselves, `age` seconds ago."""
        self._moods.worry(person, age)

    def worried(self, person: str) -> bool:
        """Whether there was such a sign in the last ``emotion.concern`` seconds."""
        return self._moods.worried(person)

    def forget(self, person: str) -> None:
        """Forget a person's mood and voice."""
        self._moods.forget(person)
        for reader in self._voice_readers:
            if isinstance(reader, ProsodyReader):
                reader.forget(person)

    @override
    async def stop(self) -> None:
        """Free the models and forget all moods."""
        readers: list[Reader] = [*self._voice_readers]
        if self._face_reader is not None:
            readers.append(self._face_reader)
        self._recogniser, self._voice_readers, self._face_reader = None, [], None
        self._moods.clear()
        for reader in readers:
            await asyncio.to_thread(reader.close)

    @override
    async def health(self) -> ModuleHealth:
        """Say what is read."""
        if self._recogniser is None:
            return ModuleHealth(HealthStatus.STOPPED)
        facts: dict[str, str | int | float | bool] = {
            "voice": ", ".join(type(reader).__name__ for reader in self._voice_readers),
            "face": self._face_reader is not None,
        }
        if self._trouble is not None:
            return ModuleHealth(HealthStatus.DEGRADED, str(self._trouble), facts)
        return ModuleHealth(HealthStatus.READY, facts=facts)

    # -- helpers -----------------------------------------------------------------------------

    async def _open_voice(self, make: Callable[[], SpeechReader]) -> None:
        reader = await self._open(make)
        if reader is not None:
            self._voice_readers.append(reader)

    async def _open(self, make: Callable[[], ReaderT]) -> ReaderT | None:
        """Load a reader, or note why it cannot be: words are enough to go on with."""
        try:
            reader = make()
            await self.context.scheduler.run(
                reader.load, name="emotion.load", task_type=TaskType.CPU_BOUND
            )
        except (MissingExtraError, ModelError, BackendError) as error:
            self._trouble = error
            self.log.warning("a part of emotion goes unread", error=str(error))
            return None
        return reader

    def _prosody(self) -> SpeechReader:
        speech = self.config.speech
        return ProsodyReader(speech.threads, speech.max_seconds, speech.max_speakers)

    def _sense_voice(self) -> SpeechReader:
        speech = self.config.speech
        return SenseVoiceReader(self._folder(speech.model), speech.threads, speech.max_seconds)

    def _faces(self) -> FaceReader:
        return OnnxFaceReader(self._folder(self.config.face_model), self.config.speech.threads)

    def _folder(self, model_id: str | None) -> Path:
        return self.context.resource(ModelStore).get(model_id or "").directory
