"""The emotion module: reads what people feel, and keeps their moods."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from xy_core.core.errors import ModuleUnavailable
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.emotion.affect import Affect
from xy_core.modules.emotion.backends.recogniser import Recogniser, load_recogniser
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.events import MoodMoved
from xy_core.modules.emotion.moods import Moods
from xy_core.modules.emotion.types import EmotionReading


class EmotionService(Module[EmotionConfig]):
    """Reads emotions from Chinese and English text with a small model that ships inside."""

    name: ClassVar[str] = "emotion"
    config_model = EmotionConfig

    def __init__(self, context: ModuleContext, config: EmotionConfig) -> None:
        super().__init__(context, config)
        self._moods = Moods(config)
        self._recogniser: Recogniser | None = None

    @override
    async def initialize(self) -> None:
        """Load the weights.

        Raises:
            BackendError: the weights are missing or damaged.
        """
        self._recogniser = await self.context.scheduler.run(
            load_recogniser, name="emotion.load", task_type=TaskType.CPU_BOUND
        )

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

    async def feel(self, person: str, reading: EmotionReading) -> Affect:
        """Let a reading move a person's mood; publishes `MoodMoved` and returns the mood."""
        mood = self._moods.move(person, reading)
        await self.context.bus.publish(MoodMoved(person=person, reading=reading, mood=mood))
        return mood

    def mood(self, person: str) -> Affect:
        """Return a person's mood as it is now; neutral for a stranger."""
        return self._moods.now(person)

    @override
    async def stop(self) -> None:
        """Free the weights and forget all moods."""
        self._recogniser = None
        self._moods.clear()

    @override
    async def health(self) -> ModuleHealth:
        """Say whether the weights are loaded."""
        return ModuleHealth(HealthStatus.READY if self._recogniser else HealthStatus.STOPPED)
