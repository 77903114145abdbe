"""A realtime session: what the client sends, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog

from xy_core.agent import Agent, SpokenTurn, UserInput
from xy_core.core.errors import InputError, XyCoreError
from xy_core.modules.voice import Audio, SpeechStarted
from xy_core.runtime import Runtime
from xy_core.server.config import ServerConfig
from xy_core.server.media import picture_at
from xy_core.server.openai.catalogue import AGENT, Card
from xy_core.server.realtime.bare import BareTurn
from xy_core.server.realtime.client_events import (
    AnyEvent,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Content,
    FunctionOutputItem,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    read_event,
)
from xy_core.server.realtime.conversation import Conversation, Item, new_id
from xy_core.server.realtime.hearing import Boundary, Hearing
from xy_core.server.realtime.response import Response
from xy_core.server.realtime.settings import SessionSettings
from xy_core.server.realtime.sound import float_samples, pcm_bytes
from xy_core.server.realtime.wire import Wire

log = structlog.get_logger("server.realtime")


class RealtimeSession:
    """One conversation. Its events are taken one after the other; a reply runs beside them.

    Args:
        runtime: the running program.
        config: of the server.
        wire: to the client.
        card: what answers.
        model: its name as the client gave it.
        person: whose memory and mood it is.
    """

    def __init__(
        self,
        runtime: Runtime,
        config: ServerConfig,
        wire: Wire,
        *,
        card: Card,
        model: str,
        person: str,
    ) -> None:
        self._runtime = runtime
        self._agent: Agent = runtime.agent
        self._card = card
        self._config = config
        self._wire = wire
        self._person = person
        self._id = new_id("sess")
        self._settings = SessionSettings(model=model)
        self._conversation = Conversation(config.realtime.items)
        self._hearing = self._make_hearing()
        self._speech_item = new_id("item")
        self._response: Response | None = None

    async def run(self, messages: AsyncIterator[str | bytes]) -> None:
        """Take events until the client goes; then stop the reply and settle what was heard.

        Raises:
            TimeoutError: the client does not read.
        """
        await self._wire.tell("session.created", session=self._body())
        try:
            async with asyncio.TaskGroup() as group:
                async for message in messages:
                    await self._take(message, group)
                # A whole reply was delivered, and may be played after the session as well.
                if self._response is not None and self._response.running:
                    self._response.interrupt()
                    await self._response.cancel("client_cancelled")
        finally:
            await self._settle()

    # -- events ------------------------------------------------------------------------------

    async def _take(self, message: str | bytes, group: asyncio.TaskGroup) -> None:
        event_id = None
        try:
            event = read_event(message)
            event_id = event.event_id
            await self._handle(event, group)
        except XyCoreError as error:
            await self._wire.refuse(error, event_id)

    async def _handle(self, event: AnyEvent, group: asyncio.TaskGroup) -> None:
        match event:
            case SessionUpdate():
                await self._update(event)
            case AudioAppend() | AudioCommit() | AudioClear():
                await self._hear(event, group)
            case ResponseCreate():
                await self._respond(group, event.response or {})
            case ResponseCancel():
                await self._cancel(event)
            case _:
                await self._edit(event)

    async def _edit(self, event: ItemCreate | ItemRetrieve | ItemDelete | ItemTruncate) -> None:
        match event:
            case ItemCreate():
                await self._add(await self._item(event.item), event.previous_item_id)
            case ItemRetrieve():
                item = self._conversation.get(event.item_id)
                await self._wire.tell("conversation.item.retrieved", item=item.body())
            case ItemDelete():
                self._conversation.remove(event.item_id)
                await self._wire.tell("conversation.item.deleted", item_id=event.item_id)
            case ItemTruncate():
                await self._truncate(event)

    async def _update(self, event: SessionUpdate) -> None:
        before = self._settings.audio.input
        self._settings = self._settings.updated(event.session)
        if self._settings.audio.input != before:
            self._hearing = self._make_hearing()
        await self._wire.tell("session.updated", session=self._body())

    # -- hearing -----------------------------------------------------------------------------

    async def _hear(
        self, event: AudioAppend | AudioCommit | AudioClear, group: asyncio.TaskGroup
    ) -> None:
        match event:
            case AudioAppend():
                async for boundary in self._hearing.append(pcm_bytes(event.audio)):
                    await self._turn_boundary(boundary, group)
            case AudioCommit():
                await self._commit(self._hearing.take())
            case AudioClear():
                self._hearing.clear()
                await self._wire.tell("input_audio_buffer.cleared")

    async def _turn_boundary(self, boundary: Boundary, group: asyncio.TaskGroup) -> None:
        detection = self._settings.audio.input.turn_detection
        moment = self._hearing.moment(boundary)
        if isinstance(boundary, SpeechStarted):
            self._speech_item = new_id("item")
            await self._wire.tell(
                "input_audio_buffer.speech_started",
                audio_start_ms=moment,
                item_id=self._speech_item,
            )
            if detection is not None and detection.interrupt_response:
                await self._interrupt()
            return
        await self._wire.tell(
            "input_audio_buffer.speech_stopped", audio_end_ms=moment, item_id=self._speech_item
        )
        await self._commit(boundary.audio)
        if detection is not None and detection.create_response:
            await self._respond(group, {})

    async def _interrupt(self) -> None:
        """The user speaks: the reply ends at once, and counts as far as it was played."""
        if self._response is not None:
            self._response.interrupt()
            await self._response.cancel("turn_detected")

    async def _commit(self, audio: Audio) -> None:
        item = Item("user", audio=audio, spoken=True, id=self._speech_item)
        self._speech_item = new_id("item")
        before = self._conversation.add(item)
        await self._wire.tell(
            "input_audio_buffer.committed", item_id=item.id, previous_item_id=before
        )
        await self._tell_added(item, before)

    # -- conversation ------------------------------------------------------------------------

    async def _add(self, item: Item, after: str | None) -> None:
        await self._tell_added(item, self._conversation.add(item, after))

    async def _tell_added(self, item: Item, before: str | None) -> None:
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self._wire.tell(kind, previous_item_id=before, item=item.body())

    async def _item(self, given: MessageItem | FunctionOutputItem) -> Item:
        if isinstance(given, FunctionOutputItem):
            call = self._conversation.call(given.call_id)
            return Item("function", given.output, call=call, id=given.id or new_id("item"))
        item = Item(given.role, id=given.id or new_id("item"))
        for part in given.content:
            await self._read(part, item)
        return item

    async def _read(self, part: Content, item: Item) -> None:
        match part.type:
            case "input_audio":
                samples = float_samples(pcm_bytes(part.audio or ""))
                heard = Audio(samples, self._settings.audio.input.format.rate)
                item.audio = Audio.concat([item.audio, heard]) if item.audio else heard
                item.spoken = True
            case "input_image":
                item.image = await picture_at(part.image_url or "", self._runtime)
            case _:
                item.text = f"{item.text}\n{part.text}".strip()

    async def _truncate(self, event: ItemTruncate) -> None:
        item = self._conversation.get(event.item_id)
        if self._response is None or self._response.item is not item or not item.spoken:
            raise InputError("item_id: only the last spoken reply can be truncated")
        await self._response.cancel("client_cancelled")
        self._response.truncate(event.audio_end_ms / 1_000)
        await self._wire.tell(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=event.content_index,
            audio_end_ms=event.audio_end_ms,
        )

    # -- replies -----------------------------------------------------------------------------

    async def _respond(self, group: asyncio.TaskGroup, changes: dict[str, object]) -> None:
        if self._response is not None and self._response.running:
            raise InputError("a reply is under way: cancel it first, or wait for response.done")
        settings = self._settings.updated(changes)
        asked = self._conversation.unanswered()
        if not asked:
            raise InputError("there is nothing to answer: add an item, or commit sound, first")
        before = self._response
        if before is not None and asked[-1].role == "function" and before.goes_on:
            self._response = before.continued(asked, settings)
        else:
            await self._settle()
            self._response = self._reply(asked, settings)
        self._response.start(group)

    def _reply(self, asked: list[Item], settings: SessionSettings) -> Response:
        turn: SpokenTurn | BareTurn
        if self._card.id != AGENT:
            turn = BareTurn(self._runtime, self._card, self._conversation, asked, settings)
        else:
            turn = self._agent.converse(
                _input(asked, self._person),
                speak=settings.speaks,
                tools=settings.functions,
                tool_choice=settings.choice,
            )
        return Response(
            turn, turn.events(), asked, self._conversation, settings=settings, wire=self._wire
        )

    async def _cancel(self, event: ResponseCancel) -> None:
        response = self._response
        if response is None or not response.running:
            raise InputError("there is no reply to cancel")
        if event.response_id not in {None, response.id}:
            raise InputError("response_id: this reply is not under way")
        response.interrupt()
        await response.cancel("client_cancelled")

    async def _settle(self) -> None:
        """Remember the last exchange: now it is certain what of it was heard."""
        response, self._response = self._response, None
        if response is None:
            return
        try:
            await response.remember()
        except XyCoreError as error:
            log.warning("an exchange was not remembered", error=type(error).__name__)

    # -- helpers -----------------------------------------------------------------------------

    def _make_hearing(self) -> Hearing:
        return Hearing(self._settings.audio.input, self._config.realtime.buffer_seconds)

    def _body(self) -> dict[str, object]:
        return self._settings.model_dump(mode="json") | {
            "id": self._id,
            "object": "realtime.session",
        }


def _input(asked: list[Item], person: str) -> UserInput:
    """Return what the user said, typed and showed as one input."""
    sounds = [item.audio for item in asked if item.audio is not None]
    images = [item.image for item in asked if item.image is not None]
    return UserInput(
        text="\n".join(words for item in asked if (words := _words(item))),
        audio=Audio.concat(sounds) if sounds else None,
        image=images[-1] if images else None,
        person=person,
    )


def _words(item: Item) -> str:
    """Return what of an item counts as typed: of speech that was answered only words are left."""
    if item.role != "user":
        return ""
    return item.text or ("" if item.audio is not None else item.transcript or "")
