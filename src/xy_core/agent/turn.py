"""One turn: perceive, feel, recall, think, express, speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from xy_core.agent.config import AgentConfig
from xy_core.agent.draft import Draft
from xy_core.agent.events import (
    Expressed,
    Felt,
    Heard,
    PartFailed,
    Remembered,
    ReplyToken,
    Seen,
    SentenceWritten,
    Spoken,
    TurnDone,
    TurnEvent,
)
from xy_core.agent.express import Expression, express
from xy_core.agent.language import language_of
from xy_core.agent.percept import Percept, UserInput
from xy_core.agent.prompt import build_messages
from xy_core.core.engine import CoreEngine
from xy_core.core.errors import TaskTimeout, XyCoreError
from xy_core.core.task import TaskPriority
from xy_core.modules.emotion import EmotionReading, EmotionService
from xy_core.modules.llm import LLMService
from xy_core.modules.memory import Memory, MemoryService, Recalled
from xy_core.modules.vision import SceneFacts, VisionService
from xy_core.modules.voice import Transcript, VoiceService

T = TypeVar("T")
_SENTENCES = 8
"""Sentences that may wait for their speech before the writing waits for it."""


class Turn:
    """The state of one turn. All parts run as tasks of one `asyncio.TaskGroup`.

    A person waits, so everything runs at HIGH priority.
    """

    def __init__(
        self,
        engine: CoreEngine,
        config: AgentConfig,
        user_input: UserInput,
        tell: Callable[[TurnEvent], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._config = config
        self._input = user_input
        self._tell = tell
        self._begun = time.monotonic()
        self._seconds: dict[str, float] = {}

    async def run(self) -> None:
        """Run the turn; raises what made it fail, as an exception group or alone."""
        percept = await self._perceive()
        expression = express(percept.emotion, percept.language)
        await self._tell(Expressed(expression))
        reply = await self._reply(percept, expression)
        await self._remember(percept, expression, reply)
        self._mark("done")
        await self._tell(TurnDone(reply, percept.language, self._seconds))

    # -- perceive, feel, recall --------------------------------------------------------------

    async def _perceive(self) -> Percept:
        """Take in all parts of the input at once; words first, since feeling needs them."""
        async with asyncio.TaskGroup() as group:
            seeing = group.create_task(self._see())
            hearing = group.create_task(self._hear())
            transcript = await hearing
            words = " ".join(
                part for part in (self._input.text.strip(), transcript and transcript.text) if part
            )
            language = self._language(words, transcript)
            feeling = group.create_task(self._feel(words))
            recalling = group.create_task(self._recall(words, language))
        self._mark("perceived")
        return Percept(
            words, language, transcript, seeing.result(), feeling.result(), recalling.result()
        )

    async def _hear(self) -> Transcript | None:
        audio = self._input.audio
        if audio is None:
            return None

        async def hear() -> Transcript:
            voice = self._engine.module(VoiceService)
            transcript = await voice.transcribe(audio, priority=TaskPriority.HIGH)
            await self._tell(Heard(transcript))
            return transcript

        if self._input.text.strip():
            return await self._or_without("voice", hear(), None)
        return await hear()  # there is nothing else to answer

    async def _see(self) -> SceneFacts | None:
        picture = self._input.image
        if picture is None:
            return None

        async def look() -> SceneFacts:
            vision = self._engine.module(VisionService)
            facts = await vision.look(picture, priority=TaskPriority.HIGH)
            await self._tell(Seen(facts))
            return facts

        return await self._or_without("vision", look(), None)

    async def _feel(self, words: str) -> EmotionReading:
        async def feel() -> EmotionReading:
            emotion = self._engine.module(EmotionService)
            reading = await emotion.read_text(words, priority=TaskPriority.HIGH)
            mood = await emotion.feel(self._input.person, reading)
            await self._tell(Felt(reading, mood))
            return reading

        return await self._or_without("emotion", feel(), EmotionReading.nothing())

    async def _recall(self, words: str, language: str) -> Sequence[Recalled]:
        if not words or not self._config.recall:
            return ()

        async def recall() -> Sequence[Recalled]:
            memory = self._engine.module(MemoryService)
            found = await memory.recall(
                self._input.person,
                words,
                limit=self._config.recall,
                skip_recent=self._config.recent_turns,
                language=language,
                priority=TaskPriority.HIGH,
            )
            await self._tell(Remembered(found))
            return found

        return await self._or_without("memory", recall(), ())

    # -- think, speak, remember --------------------------------------------------------------

    async def _reply(self, percept: Percept, expression: Expression) -> str:
        """Write the reply; each sentence is spoken while the next one is being written."""
        sentences: asyncio.Queue[str | None] = asyncio.Queue(_SENTENCES)
        limit = self._config.reply_timeout
        try:
            async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(percept, expression, sentences))
                if self._config.speak:
                    group.create_task(self._speak(sentences, percept.language, expression))
        except TimeoutError as error:
            raise TaskTimeout(
                f"the reply took over {limit:g} s: raise agent.reply_timeout"
            ) from error
        return writing.result()

    async def _write(
        self, percept: Percept, expression: Expression, sentences: asyncio.Queue[str | None]
    ) -> str:
        recent = await self._or_without("memory", self._recent(), ())
        messages = build_messages(percept, expression, recent, self._config.name)
        draft = Draft(self._config.max_sentences)
        llm = self._engine.module(LLMService)
        stream = llm.generate(
            messages,
            language=percept.language,
            priority=TaskPriority.HIGH,
            key=f"conversation:{self._input.person}",
        )
        index = 0

        async def write(written: list[str]) -> None:
            nonlocal index
            for sentence in written:
                await self._tell(SentenceWritten(index, sentence))
                index += 1
                if self._config.speak:
                    await sentences.put(sentence)

        async with stream:
            async for delta in stream:
                shown, written = draft.add(delta.text)
                if shown:
                    self._mark("first_token")
                    await self._tell(ReplyToken(shown))
                await write(written)
                if draft.full:
                    break
        await write(draft.finish())
        if self._config.speak:
            await sentences.put(None)
        return draft.text.strip()

    async def _speak(
        self, sentences: asyncio.Queue[str | None], language: str, expression: Expression
    ) -> None:
        index = 0
        while (sentence := await sentences.get()) is not None:
            spoken = self._say(index, sentence, language_of(sentence, language), expression)
            await self._or_without("voice", spoken, None)
            index += 1

    async def _say(self, index: int, sentence: str, language: str, expression: Expression) -> None:
        voice = self._engine.module(VoiceService)
        async with voice.speak(
            sentence, language=language, style=expression.voice, priority=TaskPriority.HIGH
        ) as chunks:
            async for audio in chunks:
                self._mark("first_audio")
                await self._tell(Spoken(index, audio))

    async def _recent(self) -> Sequence[Memory]:
        if not self._config.recent_turns:
            return ()
        memory = self._engine.module(MemoryService)
        return await memory.recent(self._input.person, self._config.recent_turns)

    async def _remember(self, percept: Percept, expression: Expression, reply: str) -> None:
        """Hand the turn to memory, which writes it later, off the turn's path."""

        async def remember() -> None:
            memory = self._engine.module(MemoryService)
            person = self._input.person
            if percept.words:
                await memory.remember_turn(
                    person, "user", percept.words, emotion=percept.emotion.top.value
                )
            await memory.remember_turn(person, "assistant", reply, emotion=expression.emotion.value)

        await self._or_without("memory", remember(), None)

    # -- helpers -----------------------------------------------------------------------------

    async def _or_without(self, part: str, work: Awaitable[T], otherwise: T) -> T:
        """Await a part of the turn; if it fails, say so and go on without it."""
        try:
            return await work
        except XyCoreError as error:
            await self._tell(PartFailed(part, error))
            return otherwise

    def _language(self, words: str, transcript: Transcript | None) -> str:
        if self._config.language != "auto":
            return self._config.language
        return language_of(words, transcript.language if transcript else None)

    def _mark(self, moment: str) -> None:
        self._seconds.setdefault(moment, round(time.monotonic() - self._begun, 4))
