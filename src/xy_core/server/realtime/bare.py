"""A reply of a bare model: the words of the conversation go in, text and a voice come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from xy_core.agent import (
    Heard,
    ReplyToken,
    SentenceWritten,
    Spoken,
    ToolCalled,
    TurnDone,
    TurnEvent,
)
from xy_core.agent.language import language_of
from xy_core.agent.told import Events, told_events
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService, Message, ToolCall
from xy_core.modules.voice import Audio, SentenceSplitter, VoiceService
from xy_core.runtime import Runtime
from xy_core.server.openai.catalogue import Card
from xy_core.server.realtime.conversation import Conversation, Item
from xy_core.server.realtime.settings import SessionSettings

_BUFFER = 64
"""Events, and sentences, that may wait."""


class BareTurn:
    """One reply; it stands in for a turn of the agent, without mood and memory.

    Args:
        runtime: the running program.
        card: the model.
        conversation: what was said so far, which is all that the model knows.
        asked: the items that it answers.
        settings: of the session.
    """

    def __init__(
        self,
        runtime: Runtime,
        card: Card,
        conversation: Conversation,
        asked: list[Item],
        settings: SessionSettings,
    ) -> None:
        self._runtime = runtime
        self._card = card
        self._conversation = conversation
        self._asked = asked
        self._settings = settings
        self._events: Events = asyncio.Queue(_BUFFER)
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue(_BUFFER)

    async def events(self) -> AsyncGenerator[TurnEvent, None]:
        """Reply; closing stops it, down to the device."""
        async with aclosing(told_events(self._run(), self._events)) as told:
            async for event in told:
                yield event

    async def remember(self, heard: str) -> None:
        """Do nothing: a bare model remembers nothing but the conversation."""

    async def _run(self) -> None:
        await self._hear()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._write())
            if self._settings.speaks:
                group.create_task(self._speak())
        await self._events.put(TurnDone(writing.result(), self._card.language, {}))

    async def _hear(self) -> None:
        said = [item for item in self._asked if item.audio is not None]
        if not said:
            return
        sound = Audio.concat([item.audio for item in said if item.audio is not None])
        voice = self._runtime.engine.module(VoiceService)
        heard = await voice.transcribe(sound, priority=TaskPriority.HIGH)
        said[-1].transcript = heard.text  # read below, maybe before the listener has read it
        await self._events.put(Heard(heard))

    async def _write(self) -> str:
        text, number, splitter = "", 0, SentenceSplitter()
        calls: tuple[ToolCall, ...] = ()
        async with self._runtime.engine.module(LLMService).generate(
            self._messages(),
            model=self._card.id,
            tools=self._settings.functions,
            tool_choice=self._settings.choice,
            priority=TaskPriority.HIGH,
        ) as stream:
            async for delta in stream:
                calls = delta.tool_calls
                if delta.text:
                    text += delta.text
                    await self._events.put(ReplyToken(delta.text))
                for sentence in splitter.feed(delta.text):
                    number = await self._sentence(number, sentence)
        for sentence in splitter.flush():
            number = await self._sentence(number, sentence)
        for call in calls:
            await self._events.put(ToolCalled(call, by_client=True))
        await self._sentences.put(None)
        return text.strip()

    async def _sentence(self, number: int, sentence: str) -> int:
        await self._events.put(SentenceWritten(number, sentence))
        if self._settings.speaks:
            await self._sentences.put(sentence)
        return number + 1

    async def _speak(self) -> None:
        voice = self._runtime.engine.module(VoiceService)
        number = 0
        while (sentence := await self._sentences.get()) is not None:
            language = language_of(sentence, self._card.language)
            spoken = voice.speak(sentence, language=language, priority=TaskPriority.HIGH)
            async with spoken as chunks:
                async for audio in chunks:
                    await self._events.put(Spoken(number, audio))
            number += 1

    def _messages(self) -> list[Message]:
        items = self._conversation.items()
        told = [_message(item) for item in items if item.status != "in_progress"]
        instructions = self._settings.instructions
        return [Message("system", instructions)] * bool(instructions) + told


def _message(item: Item) -> Message:
    words = "\n".join(part for part in (item.text, item.transcript) if part)
    if item.call is None:
        words = (item.transcript or "") if item.role == "assistant" and item.spoken else words
        return Message(item.role, words)
    if item.role == "call":
        return Message("assistant", "", (item.call,))
    return Message("tool", item.text, tool_call_id=item.call.id)
