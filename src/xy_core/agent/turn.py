"""One turn: perceive, feel, recall, think, express, speak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from xy_core.agent.calls import ClientCalls, TurnTools
from xy_core.agent.care import careful_reply
from xy_core.agent.config import AgentConfig
from xy_core.agent.consistency import ExpressionChecked, agrees, check
from xy_core.agent.context import TurnContext
from xy_core.agent.draft import Draft
from xy_core.agent.events import (
    Checked,
    Expressed,
    ReplyToken,
    SentenceWritten,
    Spoken,
    TurnDone,
    TurnEvent,
)
from xy_core.agent.express import Expression, express, express_care
from xy_core.agent.facts import FactFinder
from xy_core.agent.feel import Feeling, mood_point
from xy_core.agent.language import language_of
from xy_core.agent.paint import paint_wish
from xy_core.agent.perceive import Perception
from xy_core.agent.percept import Percept, UserInput
from xy_core.agent.policy import CAREFUL
from xy_core.agent.prompt import build_messages
from xy_core.agent.recap import Recaps
from xy_core.agent.write import Step, Writer
from xy_core.core.arrival import serving
from xy_core.core.engine import CoreEngine
from xy_core.core.errors import InputError, ModuleError, TaskTimeout, XyCoreError
from xy_core.core.task import TaskPriority
from xy_core.modules.emotion import EmotionReading, EmotionService
from xy_core.modules.llm import LLMService
from xy_core.modules.memory import Memory, MemoryService
from xy_core.modules.voice import VoiceService

_SENTENCES = 8
"""Sentences that may wait for their speech before the writing waits for it."""


class Turn:
    """The state of one turn. All parts run as tasks of one `asyncio.TaskGroup`.

    A person waits, so everything runs at HIGH priority; of two turns the older one's steps go
    first (see `xy_core.core.arrival`).
    """

    def __init__(
        self,
        engine: CoreEngine,
        config: AgentConfig,
        user_input: UserInput,
        tell: Callable[[TurnEvent], Awaitable[None]],
        recaps: Recaps,
        *,
        tools: TurnTools,
    ) -> None:
        self._turn = TurnContext(engine, config, user_input, tell, recaps)
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue(_SENTENCES)
        self._tools = tools
        self._written = 0
        self._shown = ""
        self._percept: Percept | None = None
        self._expression: Expression | None = None

    async def run(self) -> None:
        """Run the whole turn; raises what made it fail, as an exception group or alone.

        Of a reply that breaks off, what the user has read of it is remembered.
        """
        with serving(asyncio.get_running_loop().time()):
            try:
                reply = await self._form()
            except Exception:
                if shown := self._shown.strip():
                    await self._turn.or_without("memory", self.remember(shown), None)
                raise
            await self._turn.or_without("memory", self.remember(reply), None)
            await self._finish(reply)

    async def answer(self) -> None:
        """Run the turn but remember nothing; raises as `run` does."""
        with serving(asyncio.get_running_loop().time()):
            await self._finish(await self._form())

    async def go_on(self, results: Mapping[str, str]) -> None:
        """Go on with a turn that ended in calls of the client's tools; raises as `run` does.

        Args:
            results: what the tools returned, by the ids of their calls.
        """
        percept, expression = self._percept, self._expression
        if percept is None or expression is None:
            raise InputError("this turn called no tool")
        self._tools.answer(results)
        self._written, self._shown = 0, ""
        with serving(asyncio.get_running_loop().time()):
            reply, corrected = await self._reply(percept, expression)
            await self._check(reply, expression, corrected=corrected)
            await self._finish(reply)

    async def _form(self) -> str:
        """Do all that leads to the reply, and show it."""
        turn = self._turn
        percept = self._percept = await Perception(turn).run()
        expression = self._expression = self._decide(percept)
        await turn.tell(Expressed(expression))
        async with asyncio.TaskGroup() as group:
            if percept.crisis is None:
                group.create_task(paint_wish(turn, percept.words, expression))
            reply, corrected = await self._reply(percept, expression)
            if percept.crisis is None:
                await self._check(reply, expression, corrected=corrected)
        return reply

    async def _finish(self, reply: str) -> None:
        turn = self._turn
        turn.mark("done")
        language = self._percept.language if self._percept else "en"
        await turn.tell(TurnDone(reply, language, turn.seconds))

    # -- express -----------------------------------------------------------------------------

    def _decide(self, percept: Percept) -> Expression:
        emotion, person = self._emotion(), self._turn.input.person
        if percept.crisis is not None:
            if emotion is not None:
                emotion.worry(person)
            return express_care(percept.language)
        worried = emotion is not None and emotion.worried(person)
        policies = CAREFUL if worried else self._turn.config.policies
        return express(percept.emotion, percept.language, percept.mood, policies)

    async def _check(self, reply: str, expression: Expression, *, corrected: bool) -> None:
        """Hold what came out against what was meant, and tell everybody."""
        if not reply:
            return  # the model called a tool of the client's before it said anything
        verdict = check(expression, await self._read(reply), corrected=corrected)
        await self._turn.tell(Checked(verdict))
        await self._turn.engine.bus.publish(
            ExpressionChecked(person=self._turn.input.person, consistency=verdict)
        )

    async def _read(self, text: str) -> EmotionReading | None:
        emotion = self._emotion()
        if emotion is None:
            return None
        try:
            return await emotion.read_text(text, priority=TaskPriority.HIGH)
        except XyCoreError:
            return None  # an overloaded machine may answer unread

    def _emotion(self) -> EmotionService | None:
        try:
            return self._turn.engine.module(EmotionService)
        except ModuleError:
            return None  # told when the user's words were read

    # -- think and speak ---------------------------------------------------------------------

    async def _reply(self, percept: Percept, expression: Expression) -> tuple[str, bool]:
        """Write the reply; each sentence is spoken while the next one is being written."""
        limit = self._turn.config.reply_timeout
        try:
            async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(percept, expression))
                if self._turn.config.speak:
                    group.create_task(self._speak(percept.language, expression))
        except TimeoutError as error:
            raise TaskTimeout(
                f"the reply took over {limit:g} s: raise agent.reply_timeout"
            ) from error
        return writing.result()

    async def _write(self, percept: Percept, expression: Expression) -> tuple[str, bool]:
        if percept.crisis is not None:
            written = await self._write_care(percept.language), False
        else:
            try:
                written = await self._write_freely(percept, expression)
            except ClientCalls:
                written = self._shown.strip(), False
        if self._turn.config.speak:
            await self._sentences.put(None)
        return written

    async def _write_care(self, language: str) -> str:
        """Write the careful reply, whole: no limit on sentences may cut a help line off."""
        text = careful_reply(language, self._turn.config.country)
        draft = Draft(len(text))
        await self._release(draft.add(text))
        await self._release(("", draft.finish()))
        return text

    async def _write_freely(self, percept: Percept, expression: Expression) -> tuple[str, bool]:
        turn = self._turn
        recent = await turn.or_without("memory", self._recent(expression), ())
        told = build_messages(percept, expression, recent, turn.config.name)
        messages = await turn.fitted(told, percept.language)

        async def fits(sentence: str) -> bool:
            reading = await self._read(sentence)
            return reading is None or agrees(reading, expression.emotion)

        writer = Writer(
            turn.engine.module(LLMService),
            language=percept.language,
            key=f"conversation:{turn.input.person}",
            fits=fits,
            release=self._release,
            tools=self._tools,
        )
        most = turn.config.max_sentences
        if not turn.config.correct or self._emotion() is None:
            return await writer.write(messages, most), False
        return await writer.write_in_mood(messages, expression, most)

    async def _release(self, step: Step) -> None:
        """Show a piece of the reply, and hand its finished sentences to speech."""
        shown, sentences = step
        if shown:
            self._shown += shown
            self._turn.mark("first_token")
            await self._turn.tell(ReplyToken(shown))
        for sentence in sentences:
            await self._turn.tell(SentenceWritten(self._written, sentence))
            self._written += 1
            if self._turn.config.speak:
                await self._sentences.put(sentence)

    async def _speak(self, language: str, expression: Expression) -> None:
        index = 0
        while (sentence := await self._sentences.get()) is not None:
            spoken = self._say(index, sentence, language_of(sentence, language), expression)
            await self._turn.or_without("voice", spoken, None)
            index += 1

    async def _say(self, index: int, sentence: str, language: str, expression: Expression) -> None:
        voice = self._turn.engine.module(VoiceService)
        async with voice.speak(
            sentence, language=language, style=expression.voice, priority=TaskPriority.HIGH
        ) as chunks:
            async for audio in chunks:
                self._turn.mark("first_audio")
                await self._turn.tell(Spoken(index, audio))

    # -- remember ----------------------------------------------------------------------------

    async def _recent(self, expression: Expression) -> Sequence[Memory]:
        config = self._turn.config
        if not config.recent_turns:
            return ()
        memory = self._turn.engine.module(MemoryService)
        recent = await memory.recent(self._turn.input.person, config.recent_turns)
        kept = {"all": None, "in_mood": expression.emotion.value, "none": ""}[config.own_words]
        return [
            one for one in recent if one.role != "assistant" or kept is None or one.emotion == kept
        ]

    async def remember(self, reply: str) -> None:
        """Hand the turn to memory, which writes it later, off the turn's path.

        Args:
            reply: as much of it as reached the user.
        """
        percept, expression = self._percept, self._expression
        if percept is None or expression is None:
            return
        memory = self._turn.engine.module(MemoryService)
        person, crisis = self._turn.input.person, percept.crisis is not None
        if percept.words:
            felt = percept.emotion.top.value
            await memory.remember_turn(person, "user", percept.words, emotion=felt)
        await memory.remember_turn(person, "assistant", reply, emotion=expression.emotion.value)
        if self._turn.config.learn_facts and percept.words:
            memory.learn(person, FactFinder(self._turn.engine.module(LLMService)))
        if percept.mood is not None or crisis:
            feeling = Feeling(percept.emotion, percept.mood, percept.evidence)
            point = mood_point(self._turn, feeling, percept.words, crisis=crisis)
            await memory.remember_mood(point)
