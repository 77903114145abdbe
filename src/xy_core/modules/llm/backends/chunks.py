"""Reads the pieces of a reply in OpenAI's form, from whichever engine or server they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xy_core.modules.llm.tool_calls import new_call
from xy_core.modules.llm.types import Delta, ToolCall, Usage

_REASONS = {"stop": "stop", "length": "length", "limit": "length", "tool_calls": "tool_calls"}


class ChunkReader:
    """Turns chunks into deltas: calls are gathered, and the end waits for the usage figures.

    Attributes:
        finish_reason: why the reply ended; None while it goes on, or if it broke off.
    """

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: Usage | None = None
        self.finish_reason: str | None = None

    def read(self, chunk: Mapping[str, Any]) -> str:
        """Take a chunk in; returns the text that it brings."""
        if usage := chunk.get("usage"):
            self._usage = _usage(usage, chunk.get("timings") or {})
        choices = chunk.get("choices")
        choice: Mapping[str, Any] = choices[0] if choices else {}
        delta = choice.get("delta") or {}
        for call in delta.get("tool_calls") or ():
            self._gather(call)
        if reason := choice.get("finish_reason"):
            self.finish_reason = _REASONS.get(reason, "stop")
        return choice.get("text") or delta.get("content") or ""

    def last(self) -> Delta:
        """Return the last piece of the reply."""
        calls = tuple(
            ToolCall(call["id"] or new_call("", "").id, call["name"], call["arguments"])
            for _, call in sorted(self._calls.items())
        )
        reason = "tool_calls" if calls else self.finish_reason
        return Delta("", reason or "stop", calls, self._usage)

    def _gather(self, part: Mapping[str, Any]) -> None:
        call = self._calls.setdefault(
            part.get("index") or 0, {"id": "", "name": "", "arguments": ""}
        )
        function = part.get("function") or {}
        call["id"] = part.get("id") or call["id"]
        call["name"] = function.get("name") or call["name"]
        call["arguments"] += function.get("arguments") or ""


def _usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        usage.get("prompt_tokens") or 0,
        usage.get("completion_tokens") or 0,
        details.get("cached_tokens") or 0,
        round(timings.get("predicted_per_second") or 0.0, 2),
    )
