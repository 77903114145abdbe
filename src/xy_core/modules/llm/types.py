"""What goes into a language model and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: who says it.
        content: what is said.
    """

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it is being written.

    Attributes:
        text: what comes next; may be empty in the last piece.
        finish_reason: ``stop`` or ``length`` in the last piece, None before it.
    """

    text: str
    finish_reason: str | None = None


class LanguageModel(Protocol):
    """A loaded model; its methods block and may be called from several threads at once."""

    def load(self, gpu_layers: int = 0) -> None:
        """Read the model into memory; harmless when it is there.

        Args:
            gpu_layers: how many of its layers lie on the device; the host has the others.

        Raises:
            MissingExtraError: the engine's library is not installed.
            BackendError: the engine refuses the file.
        """

    def generate(self, emit: Callable[[Delta], None], messages: Sequence[Message]) -> None:
        """Write a reply to a conversation, handing each piece to `emit`.

        Stops as soon as `emit` raises, and passes its error on.

        Raises:
            BackendError: the engine fails, or the last message alone exceeds the context.
        """

    def close(self) -> None:
        """Give the memory back; harmless when nothing is loaded."""
