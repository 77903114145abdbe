"""The items of a session's conversation."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from xy_core.core.errors import InputError
from xy_core.modules.llm import ToolCall
from xy_core.modules.vision import Picture
from xy_core.modules.voice import Audio


def new_id(kind: str) -> str:
    """Return an id such as ``item_4f…``, at random, so that nobody can guess another's."""
    return f"{kind}_{secrets.token_hex(12)}"


@dataclass(slots=True)
class Item:
    """One message, a call of a function, or what a function returned.

    Attributes:
        role: ``user`` or ``assistant``; ``function`` for what a function returned, and ``call``.
        text: what was typed, or written.
        audio: what was said, if anything.
        image: what was shown, if anything.
        transcript: the words of what was said, as far as they are known, or were heard.
        spoken: whether it is speech rather than text.
        status: ``in_progress``, ``completed`` or ``incomplete``.
        call: the call, or the one that was answered, by its id.
    """

    role: str
    text: str = ""
    audio: Audio | None = None
    image: Picture | None = None
    transcript: str | None = None
    spoken: bool = False
    status: str = "completed"
    call: ToolCall | None = None
    id: str = field(default_factory=lambda: new_id("item"))

    def body(self) -> dict[str, Any]:
        """Return it in OpenAI's form; sound and pictures are not repeated."""
        common = {"id": self.id, "object": "realtime.item", "status": self.status}
        if self.call is None:
            return common | {
                "type": "message",
                "role": self.role,
                "content": list(self._content()),
            }
        if self.role == "call":
            return common | {
                "type": "function_call",
                "call_id": self.call.id,
                "name": self.call.name,
                "arguments": self.call.arguments,
            }
        return common | {
            "type": "function_call_output",
            "call_id": self.call.id,
            "output": self.text,
        }

    def _content(self) -> Iterator[dict[str, Any]]:
        if self.role == "assistant":
            if self.status == "in_progress":
                return
            if self.spoken:
                yield {"type": "output_audio", "transcript": self.transcript or ""}
            else:
                yield {"type": "output_text", "text": self.text}
            return
        if self.text:
            yield {"type": "input_text", "text": self.text}
        if self.spoken:
            yield {"type": "input_audio", "transcript": self.transcript}
        if self.image is not None:
            yield {"type": "input_image"}


class Conversation:
    """Items in their order, a bounded number of them.

    Args:
        most: the most items.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: dict[str, Item] = {}

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Add an item at the end, or after another; returns the id of the one before it.

        The sound of items that were answered is let go, and the oldest of too many items.

        Args:
            item: what is added.
            after: the id of the one that it follows; ``root`` for the beginning.

        Raises:
            InputError: its id is taken, or there is none to follow.
        """
        if item.id in self._items:
            raise InputError("item.id: there is an item of this id already")
        order = list(self._items.values())
        place = len(order)
        if after == "root":
            place = 0
        elif after is not None:
            place = order.index(self.get(after)) + 1
        order.insert(place, item)
        self._items = {one.id: one for one in order[-self._most :]}
        return order[place - 1].id if place else None

    def get(self, item_id: str) -> Item:
        """Return an item.

        Raises:
            InputError: there is none of that id.
        """
        if item_id not in self._items:
            raise InputError("item_id: there is no item of this id")
        return self._items[item_id]

    def remove(self, item_id: str) -> None:
        """Take an item out.

        Raises:
            InputError: there is none of that id.
        """
        del self._items[self.get(item_id).id]

    def items(self) -> list[Item]:
        """Return all items in their order."""
        return list(self._items.values())

    def unanswered(self) -> list[Item]:
        """Return what the user said and showed since the last reply."""
        found: list[Item] = []
        for item in reversed(self._items.values()):
            if item.role == "assistant":
                break
            found.append(item)
        return found[::-1]

    def call(self, call_id: str) -> ToolCall:
        """Return the call of that id.

        Raises:
            InputError: there is none.
        """
        for item in self._items.values():
            if item.role == "call" and item.call is not None and item.call.id == call_id:
                return item.call
        raise InputError("item.call_id: no function was called by this id")

    def answered(self) -> None:
        """Let go of sound and pictures: they have been understood."""
        for item in self._items.values():
            item.audio = item.image = None
