"""One reply: a turn of the agent, told in OpenAI's events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from xy_core.agent import Heard as WasHeard
from xy_core.agent import (
    ReplyToken,
    SentenceWritten,
    Spoken,
    SpokenTurn,
    ToolCalled,
    TurnDone,
    TurnEvent,
    TurnFailed,
)
from xy_core.core.errors import XyCoreError
from xy_core.modules.llm import ToolCall
from xy_core.server.errors import as_api_error, error_json
from xy_core.server.realtime.bare import BareTurn
from xy_core.server.realtime.conversation import Conversation, Item, new_id
from xy_core.server.realtime.heard import Heard
from xy_core.server.realtime.settings import SessionSettings
from xy_core.server.realtime.sound import SpeechOut
from xy_core.server.realtime.wire import Wire


class Response:
    """A reply from its first event to its last, and what of it was heard.

    Args:
        turn: what the agent does.
        events: what it tells; not begun yet.
        asked: the user's items that it answers.
        conversation: where the reply becomes an item.
        settings: of the session when the reply was asked for.
        wire: to the client.
        before: what was heard of the turn's earlier replies.
    """

    def __init__(
        self,
        turn: SpokenTurn | BareTurn,
        events: AsyncGenerator[TurnEvent, None],
        asked: list[Item],
        conversation: Conversation,
        *,
        settings: SessionSettings,
        wire: Wire,
        before: str = "",
    ) -> None:
        self.id = new_id("resp")
        self.item = Item("assistant", spoken=settings.speaks, status="in_progress")
        self.calls: list[Item] = []
        self._turn = turn
        self._events = events
        self._before = before
        self._asked = asked
        self._conversation = conversation
        self._settings = settings
        self._wire = wire
        self._out = SpeechOut(settings.audio.output.format.rate)
        self._heard = Heard()
        self._text = ""
        self._begun = False
        self._playing_since: float | None = None
        self._stopped: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._reason = ""
        self._error: XyCoreError | None = None

    # -- life --------------------------------------------------------------------------------

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run it as a task of the session."""
        self._task = group.create_task(self._run(), name="realtime.response")

    @property
    def running(self) -> bool:
        """Whether it is still being told."""
        return self._task is not None and not self._task.done()

    @property
    def goes_on(self) -> bool:
        """Whether the turn waits for what functions return (a bare model only reads them)."""
        return bool(self.calls) and isinstance(self._turn, SpokenTurn)

    def continued(self, asked: list[Item], settings: SessionSettings) -> Response:
        """Return the reply that follows on what the functions returned."""
        assert isinstance(self._turn, SpokenTurn)  # noqa: S101 - see `goes_on`
        answers = [item for item in asked if item.role == "function"]
        results = {item.call.id: item.text for item in answers if item.call is not None}
        return Response(
            self._turn,
            self._turn.go_on(results),
            asked,
            self._conversation,
            settings=settings,
            wire=self._wire,
            before=f"{self._before} {self.heard()}".strip(),
        )

    async def cancel(self, reason: str) -> None:
        """Stop the turn, down to the device, and wait until the client has been told.

        Args:
            reason: ``turn_detected`` or ``client_cancelled``.
        """
        if self._task is None or not self.running:
            return
        self._reason = reason
        self._task.cancel()
        await asyncio.wait([self._task])

    # -- what was heard ----------------------------------------------------------------------

    def interrupt(self) -> None:
        """Note that the user speaks now: what would be played from here on is not heard.

        The client plays in real time and stops when it is told of the speech; it may correct
        this with `truncate`.
        """
        if self._playing_since is not None and self._stopped is None:
            played = time.monotonic() - self._playing_since
            if played < self._heard.seconds or self.running:
                self._stopped = played

    def truncate(self, seconds: float) -> None:
        """Take the client's word for how long the reply was played."""
        self._stopped = seconds
        self.item.transcript = self.heard()

    def heard(self) -> str:
        """Return the words that reached the user."""
        if not self.item.spoken or (self._stopped is None and not self._reason):
            return self._text.strip()
        return self._heard.until(self._heard.seconds if self._stopped is None else self._stopped)

    async def remember(self) -> None:
        """Hand the exchange to memory, with what was heard of the reply.

        Raises:
            XyCoreError: the memory does not work.
        """
        if self.item.spoken:
            self.item.transcript = self.heard()
        await self._turn.remember(f"{self._before} {self.heard()}".strip())

    # -- telling -----------------------------------------------------------------------------

    async def _run(self) -> None:
        await self._wire.tell("response.created", response=self._body("in_progress"))
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await self._tell(event)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._reason or task is None:
                raise
            task.uncancel()
        await self._finish()

    async def _tell(self, event: TurnEvent) -> None:
        if self._settings.turn_events:
            body = event.body()
            await self._wire.tell("xy.turn", response_id=self.id, event=event.kind, body=body)
        match event:
            case WasHeard(transcript):
                await self._transcribed(transcript.text)
            case SentenceWritten(index, text):
                self._heard.written(index, text)
            case ReplyToken(text):
                await self._begin()
                self._text += text
                kind = "output_audio_transcript" if self.item.spoken else "output_text"
                await self._part(f"response.{kind}.delta", delta=text)
            case Spoken(index, audio):
                await self._begin()
                self._heard.spoken(index, audio.seconds)
                if self._playing_since is None:
                    self._playing_since = time.monotonic()
                await self._sound(self._out.feed(audio))
            case ToolCalled(call, by_client=True):
                await self._call(call)
            case TurnFailed(error):
                self._error = error
            case TurnDone():
                await self._sound(self._out.rest())
            case _:
                pass

    async def _transcribed(self, words: str) -> None:
        for item in self._asked:
            if item.spoken and item.audio is not None:
                item.transcript = words
                await self._wire.tell(
                    "conversation.item.input_audio_transcription.completed",
                    item_id=item.id,
                    content_index=0,
                    transcript=words,
                    usage={"type": "duration", "seconds": round(item.audio.seconds, 3)},
                )

    async def _begin(self) -> None:
        """Tell that there is a reply, before its first piece."""
        if self._begun:
            return
        self._begun = True
        before = self._conversation.add(self.item)
        place = {"response_id": self.id, "output_index": 0, "item": self.item.body()}
        await self._wire.tell("response.output_item.added", **place)
        await self._wire.tell(
            "conversation.item.added", previous_item_id=before, item=self.item.body()
        )
        empty = {"type": "audio", "transcript": ""}
        await self._part(
            "response.content_part.added",
            part=empty if self.item.spoken else {"type": "text", "text": ""},
        )

    async def _call(self, call: ToolCall) -> None:
        """Tell that the model calls a function of the client's."""
        item = Item("call", call=call)
        place = {"response_id": self.id, "output_index": len(self.calls) + self._begun}
        self.calls.append(item)
        before = self._conversation.add(item)
        await self._wire.tell(
            "response.output_item.added",
            item=item.body() | {"status": "in_progress", "arguments": ""},
            **place,
        )
        await self._wire.tell("conversation.item.added", previous_item_id=before, item=item.body())
        within = place | {"item_id": item.id, "call_id": call.id}
        kind = "response.function_call_arguments"
        await self._wire.tell(f"{kind}.delta", delta=call.arguments, **within)
        await self._wire.tell(f"{kind}.done", name=call.name, arguments=call.arguments, **within)
        await self._wire.tell("response.output_item.done", item=item.body(), **place)
        await self._wire.tell("conversation.item.done", previous_item_id=before, item=item.body())

    async def _sound(self, piece: str) -> None:
        if piece:
            await self._part("response.output_audio.delta", delta=piece)

    async def _part(self, kind: str, **body: Any) -> None:  # noqa: ANN401 - what JSON takes
        await self._wire.tell(
            kind,
            response_id=self.id,
            item_id=self.item.id,
            output_index=0,
            content_index=0,
            **body,
        )

    async def _finish(self) -> None:
        status = "completed"
        if self._reason:
            status = "cancelled"
        elif self._error is not None:
            status = "failed"
        self.item.status = "completed" if status == "completed" else "incomplete"
        self.item.text = self._text.strip()
        self.item.transcript = self.heard() if self.item.spoken else None
        if self._begun:
            await self._close()
        self._conversation.answered()
        await self._wire.tell("response.done", response=self._body(status))

    async def _close(self) -> None:
        if self.item.spoken:
            words = self.item.transcript or ""
            await self._part("response.output_audio.done")
            await self._part("response.output_audio_transcript.done", transcript=words)
            part = {"type": "audio", "transcript": words}
        else:
            await self._part("response.output_text.done", text=self.item.text)
            part = {"type": "text", "text": self.item.text}
        await self._part("response.content_part.done", part=part)
        body = self.item.body()
        await self._wire.tell(
            "response.output_item.done", response_id=self.id, output_index=0, item=body
        )
        await self._wire.tell("conversation.item.done", item=body)

    def _body(self, status: str) -> dict[str, Any]:
        details: dict[str, Any] | None = None
        if status == "cancelled":
            details = {"type": status, "reason": self._reason}
        elif self._error is not None:
            told = error_json(as_api_error(self._error))["error"]
            details = {
                "type": status,
                "error": {"type": told["type"], "code": told["code"], "message": told["message"]},
            }
        ended = status != "in_progress"
        output = [self.item] * (self._begun and ended) + self.calls * ended
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [item.body() for item in output],
            "output_modalities": list(self._settings.output_modalities),
            "usage": None,
        }
