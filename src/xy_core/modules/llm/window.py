"""Makes a conversation fit into a model's context, by leaving out whole turns."""

from __future__ import annotations

from collections.abc import Sequence

from xy_core.core.errors import ContextExceeded
from xy_core.modules.llm.types import Message


def without_oldest_turn(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Leave out the oldest turn: what a user said and all that answered it.

    The system's messages and the newest turn always stay, so that nobody's words are answered
    without having been read, and no tool's result stands without its call.

    Raises:
        ContextExceeded: nothing else is left.
    """
    turns = turn_starts(messages)
    if len(turns) < 2:  # noqa: PLR2004 - the newest and one more
        raise ContextExceeded
    first, second = turns[0], turns[1]
    kept = [
        message
        for index, message in enumerate(messages)
        if message.role == "system" or not first <= index < second
    ]
    return tuple(kept)


def turn_starts(messages: Sequence[Message]) -> list[int]:
    """Return where turns begin: at each user's message, and at the first that is not the system's.

    Several messages of the user in a row are turns of their own.
    """
    starts = [index for index, message in enumerate(messages) if message.role == "user"]
    first = next((i for i, message in enumerate(messages) if message.role != "system"), None)
    if first is not None and (not starts or first < starts[0]):
        starts.insert(0, first)
    return starts
