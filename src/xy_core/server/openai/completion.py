"""The reply of a chat as OpenAI's clients read it: whole, or in chunks."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Literal

from pydantic import BaseModel

from xy_core.server.streaming import data_event


class ReplyMessage(BaseModel):
    """What the model says."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None


class Choice(BaseModel):
    """One reply."""

    index: int
    message: ReplyMessage
    finish_reason: str
    logprobs: None


class Completion(BaseModel):
    """The answer to a chat request that does not stream."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    service_tier: str | None


class CompletionWriter:
    """Gives the reply of one request its form."""

    def __init__(self, model: str) -> None:
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._model = model
        # A stream sends this form hundreds of times; only the text changes.
        around = self._chunk({"content": "\0"}, None)
        before, _, after = json.dumps(around, separators=(",", ":")).partition(json.dumps("\0"))
        self._before, self._after = f"data: {before}", f"{after}\n\n"

    def first(self) -> bytes:
        """Return the chunk that begins a stream."""
        return data_event(self._chunk({"role": "assistant", "content": ""}, None))

    def piece(self, text: str) -> bytes:
        """Return a chunk with words."""
        return f"{self._before}{json.dumps(text)}{self._after}".encode()

    def last(self, finish_reason: str) -> bytes:
        """Return the chunk that says why the reply ends."""
        return data_event(self._chunk({}, finish_reason))

    def whole(self, text: str, finish_reason: str) -> dict[str, Any]:
        """Return the reply in one."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": finish_reason,
            "logprobs": None,
        }
        return {
            "id": self._id,
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
            "service_tier": "default",
        }

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
        }
