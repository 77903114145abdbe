"""A response as OpenAI's clients read it: whole, or as the events in which it grows."""

from __future__ import annotations

import secrets
import time
from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from xy_core.server.errors import ApiError
from xy_core.server.openai.responses_types import ResponsesRequest
from xy_core.server.openai.writing import LENGTH
from xy_core.server.streaming import named_event


class OutputText(BaseModel):
    """Words of the reply."""

    type: Literal["output_text"]
    text: str
    annotations: list[JsonValue]
    logprobs: list[JsonValue]


class OutputMessage(BaseModel):
    """The reply."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["in_progress", "completed", "incomplete"]
    content: list[OutputText]


class ResponseObject(BaseModel):
    """The answer to a request that does not stream."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    model: str
    output: list[OutputMessage]
    instructions: str | None
    incomplete_details: dict[str, str] | None
    error: dict[str, str] | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    temperature: float | None
    top_p: float | None
    tool_choice: str
    tools: list[JsonValue]
    max_output_tokens: int | None


class ResponseWriter:
    """Gives the reply to one request its form."""

    def __init__(self, body: ResponsesRequest) -> None:
        self._body = body
        self._id = f"resp_{secrets.token_hex(12)}"
        self._item = f"msg_{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._number = 0
        self._text = ""

    def begin(self) -> bytes:
        """Return the events before the first word."""
        at = {"output_index": 0, "item_id": self._item, "content_index": 0}
        return (
            self._event("response.created", response=self._whole("in_progress", []))
            + self._event("response.in_progress", response=self._whole("in_progress", []))
            + self._event(
                "response.output_item.added", output_index=0, item=self._message("in_progress", [])
            )
            + self._event("response.content_part.added", **at, part=_words(""))
        )

    def piece(self, text: str) -> bytes:
        """Return the event for more words."""
        self._text += text
        at = {"output_index": 0, "item_id": self._item, "content_index": 0}
        return self._event("response.output_text.delta", **at, delta=text, logprobs=[])

    def end(self, finish_reason: str) -> bytes:
        """Return the events after the last word."""
        at = {"output_index": 0, "item_id": self._item, "content_index": 0}
        whole = self.whole(self._text, finish_reason)
        return (
            self._event("response.output_text.done", **at, text=self._text, logprobs=[])
            + self._event("response.content_part.done", **at, part=_words(self._text))
            + self._event("response.output_item.done", output_index=0, item=whole["output"][0])
            + self._event(f"response.{whole['status']}", response=whole)
        )

    def failed(self, error: ApiError) -> bytes:
        """Return the event that ends a stream that cannot go on."""
        told = {"code": "server_error", "message": str(error)}
        said = [self._message("incomplete", [_words(self._text)])]
        return self._event("response.failed", response=self._whole("failed", said, error=told))

    def whole(self, text: str, finish_reason: str) -> dict[str, Any]:
        """Return the response in one."""
        status = "incomplete" if finish_reason == LENGTH else "completed"
        return self._whole(status, [self._message(status, [_words(text)])])

    def _whole(
        self, status: str, output: list[dict[str, Any]], error: dict[str, str] | None = None
    ) -> dict[str, Any]:
        body = self._body
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "model": body.model,
            "output": output,
            "instructions": body.instructions,
            "incomplete_details": (
                {"reason": "max_output_tokens"} if status == "incomplete" else None
            ),
            "error": error,
            "metadata": body.metadata or {},
            "parallel_tool_calls": False,
            "temperature": body.temperature,
            "top_p": body.top_p,
            "tool_choice": "none",
            "tools": [],
            "max_output_tokens": body.max_output_tokens,
        }

    def _message(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._item,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def _event(self, name: str, **fields: object) -> bytes:
        event = named_event(name, {"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return event


def _words(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
