"""The first half of a turn: perceive, feel, recall."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xy_core.agent.context import TurnContext
from xy_core.agent.events import CrisisNoticed, Heard, Informed, Remembered, Seen
from xy_core.agent.feel import Feeling, feel, sense
from xy_core.agent.language import language_of
from xy_core.agent.percept import Percept
from xy_core.agent.provider import LONGEST, ContextProvider, Note, Question
from xy_core.core.errors import ModuleError, XyCoreError
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.emotion import CrisisSign, EmotionService, Evidence, find_crisis
from xy_core.modules.memory import MemoryService, Recalled
from xy_core.modules.vision import Picture, SceneFacts, VisionService
from xy_core.modules.voice import Transcript, VoiceService

_COLOURED = 0.4
"""Share of a feeling in the mood from which it decides which memories come first."""


@dataclass(frozen=True, slots=True)
class Perception:
    """Takes in all parts of an input at once, each as a task of its own at HIGH priority."""

    turn: TurnContext

    async def run(self) -> Percept:
        """Return the percept; words come first, since feeling needs them."""
        async with asyncio.TaskGroup() as group:
            seeing = group.create_task(self._see())
            sensing = group.create_task(sense(self.turn))
            hearing = group.create_task(self._hear())
            transcript = await hearing
            words = " ".join(
                part
                for part in (self.turn.input.text.strip(), transcript and transcript.text)
                if part
            )
            language = self._language(words, transcript)
            recalling = group.create_task(self._recall(words, language))
            asking = group.create_task(self._ask_around(words, language))
            alarming = group.create_task(self._crisis(words))
            feeling = group.create_task(self._feel(words, sensing))
        self.turn.mark("perceived")
        felt = feeling.result()
        return Percept(
            words,
            language,
            transcript,
            seeing.result(),
            felt.reading,
            recalling.result(),
            felt.mood,
            felt.evidence,
            alarming.result(),
            self.turn.input.text.strip(),
            asking.result(),
        )

    async def _feel(self, words: str, sensing: asyncio.Task[Sequence[Evidence]]) -> Feeling:
        return await feel(self.turn, words, await sensing)

    async def _hear(self) -> Transcript | None:
        audio = self.turn.input.audio
        if audio is None:
            return None

        async def hear() -> Transcript:
            voice = self.turn.engine.module(VoiceService)
            transcript = await voice.transcribe(audio, priority=TaskPriority.HIGH)
            await self.turn.tell(Heard(transcript))
            return transcript

        if self.turn.input.text.strip():
            return await self.turn.or_without("voice", hear(), None)
        return await hear()  # there is nothing else to answer

    async def _see(self) -> SceneFacts | None:
        picture = self.turn.input.image
        if picture is None:
            return None

        async def look() -> SceneFacts:
            vision = self.turn.engine.module(VisionService)
            facts = await vision.look(picture, priority=TaskPriority.HIGH)
            if vision.sees:
                facts = replace(facts, seen=await self._ask(vision, picture))
            await self.turn.tell(Seen(facts))
            return facts

        return await self.turn.or_without("vision", look(), None)

    async def _ask(self, vision: VisionService, picture: Picture) -> str:
        """Have a model look at the picture with the user's typed question in mind."""
        asked = self.turn.input.text.strip()
        language = self._language(asked, None)
        if asked:
            stream = vision.ask([picture], asked, language=language, priority=TaskPriority.HIGH)
        else:
            stream = vision.describe(picture, language=language, priority=TaskPriority.HIGH)
        async with stream as pieces:
            return "".join([piece async for piece in pieces]).strip()

    async def _crisis(self, words: str) -> CrisisSign | None:
        """Look for a sign of self-harm; whatever else fails, this is looked for."""
        try:
            sign = await self.turn.engine.scheduler.run(
                find_crisis,
                words,
                name="emotion.crisis",
                task_type=TaskType.CPU_BOUND,
                priority=TaskPriority.CRITICAL,
            )
        except XyCoreError:
            sign = find_crisis(words)
        if sign is not None:
            await self.turn.tell(CrisisNoticed(sign))
        return sign

    async def _recall(self, words: str, language: str) -> Sequence[Recalled]:
        config = self.turn.config
        if not words or not config.recall:
            return ()

        async def recall() -> Sequence[Recalled]:
            memory = self.turn.engine.module(MemoryService)
            found = await memory.recall(
                self.turn.input.person,
                words,
                limit=config.recall,
                emotion=self._mood_so_far(),
                skip_recent=config.recent_turns,
                language=language,
                priority=TaskPriority.HIGH,
            )
            await self.turn.tell(Remembered(found))
            return found

        return await self.turn.or_without("memory", recall(), ())

    async def _ask_around(self, words: str, language: str) -> Sequence[Note]:
        """Ask the modules that know something of the world, all at once."""
        question = Question(words, self.turn.input.person, language)
        running: Sequence[object] = self.turn.engine.running()
        providers = [module for module in running if isinstance(module, ContextProvider)]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._note(one, question)) for one in providers]
        notes = [note for task in asked if (note := task.result()).text]
        if notes:
            await self.turn.tell(Informed(notes))
        return notes

    async def _note(self, provider: ContextProvider, question: Question) -> Note:
        async def ask() -> Note:
            try:
                async with asyncio.timeout(self.turn.config.context_timeout):
                    text = await provider.tell(question)
            except Exception as error:  # another package's code may raise anything
                raise ModuleError(f"{provider.name} told nothing: {error!r}") from error
            return Note(provider.name, " ".join(text.split())[:LONGEST])

        return await self.turn.or_without(provider.name, ask(), Note(provider.name, ""))

    def _mood_so_far(self) -> str | None:
        """The feeling that colours memory: that before these words, which are read meanwhile."""
        try:
            mood = self.turn.engine.module(EmotionService).mood(self.turn.input.person)
        except XyCoreError:
            return None
        return mood.top.value if mood.probabilities[mood.top] >= _COLOURED else None

    def _language(self, words: str, transcript: Transcript | None) -> str:
        chosen = self.turn.config.language
        if chosen != "auto":
            return chosen
        return language_of(words, transcript.language if transcript else None)
