"""A response as OpenAI's clients read it: whole, or as the events in which it grows."""

from __future__ import annotations

import secrets
import time
from typing import Any

from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Completion, Delta
from xy_core.server.errors import ApiError
from xy_core.server.openai.completion import tier_of
from xy_core.server.openai.response_object import cost, function_call, message, words
from xy_core.server.openai.responses_types import ResponsesRequest
from xy_core.server.openai.writing import LENGTH
from xy_core.server.streaming import named_event


class ResponseWriter:
    """Gives the reply to one request its form."""

    def __init__(self, body: ResponsesRequest, priority: TaskPriority) -> None:
        self._body = body
        self._tier = tier_of(priority)
        self._id = _new("resp")
        self._item = _new("msg")
        self._created = int(time.time())
        self._number = 0
        self._text = ""
        self._speaking = False

    def begin(self) -> bytes:
        """Return the events before anything else."""
        begun = self._whole("in_progress", [])
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def piece(self, text: str) -> bytes:
        """Return the events for more words."""
        opened = b"" if self._speaking else self._open_message()
        self._text += text
        return opened + self._event(
            "response.output_text.delta", **self._place, delta=text, logprobs=[]
        )

    def end(self, last: Delta) -> bytes:
        """Return the events after the last word."""
        opened = b"" if self._speaking or last.tool_calls else self._open_message()
        whole = self.whole(
            Completion(self._text, last.finish_reason or "stop", last.tool_calls, last.usage)
        )
        closed = self._close_message(whole["output"][0]) if self._speaking else b""
        first = int(self._speaking)
        calls = b"".join(
            self._call(index, item) for index, item in enumerate(whole["output"][first:], first)
        )
        return opened + closed + calls + self._event(f"response.{whole['status']}", response=whole)

    def failed(self, error: ApiError) -> bytes:
        """Return the event that ends a stream that cannot go on."""
        told = {"code": "server_error", "message": str(error)}
        said = [message(self._item, "incomplete", [words(self._text)])] if self._speaking else []
        return self._event("response.failed", response=self._whole("failed", said, error=told))

    def whole(self, reply: Completion) -> dict[str, Any]:
        """Return the response in one."""
        status = "incomplete" if reply.finish_reason == LENGTH else "completed"
        said = [message(self._item, status, [words(reply.text)])]
        output = said if reply.text or not reply.tool_calls else []
        output += [function_call(_new("fc"), call) for call in reply.tool_calls]
        return self._whole(status, output) | {"usage": cost(reply.usage)}

    def _whole(
        self, status: str, output: list[dict[str, Any]], error: dict[str, str] | None = None
    ) -> dict[str, Any]:
        body = self._body
        given = body.model_dump(by_alias=True, include={"text", "tools", "tool_choice"})
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
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "temperature": body.temperature,
            "top_p": body.top_p,
            "text": {"format": (given["text"] or {}).get("format") or {"type": "text"}},
            "tool_choice": given["tool_choice"] or "auto",
            "tools": given["tools"] or [],
            "max_output_tokens": body.max_output_tokens,
            "service_tier": self._tier,
            "usage": None,
        }

    @property
    def _place(self) -> dict[str, Any]:
        return {"output_index": 0, "item_id": self._item, "content_index": 0}

    def _open_message(self) -> bytes:
        self._speaking = True
        item = message(self._item, "in_progress", [])
        return self._event("response.output_item.added", output_index=0, item=item) + self._event(
            "response.content_part.added", **self._place, part=words("")
        )

    def _close_message(self, item: dict[str, Any]) -> bytes:
        return (
            self._event("response.output_text.done", **self._place, text=self._text, logprobs=[])
            + self._event("response.content_part.done", **self._place, part=words(self._text))
            + self._event("response.output_item.done", output_index=0, item=item)
        )

    def _call(self, index: int, item: dict[str, Any]) -> bytes:
        at = {"output_index": index, "item_id": item["id"]}
        begun = item | {"status": "in_progress", "arguments": ""}
        written = item["arguments"]
        done = "response.function_call_arguments.done"
        return (
            self._event("response.output_item.added", output_index=index, item=begun)
            + self._event("response.function_call_arguments.delta", **at, delta=written)
            + self._event(done, **at, arguments=written)
            + self._event("response.output_item.done", output_index=index, item=item)
        )

    def _event(self, name: str, **fields: object) -> bytes:
        event = named_event(name, {"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return event


def _new(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"
