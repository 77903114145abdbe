"""What an engine has to offer; `tests/modules/llm/protocol.py` is what each has to pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from xy_core.modules.llm.types import Delta, Embeddings, Request


class LanguageModel(Protocol):
    """A model on this machine; its methods block and may be called from several threads at once."""

    def load(self, gpu_layers: int = 0) -> None:
        """Read the model into memory; harmless when it is there.

        Args:
            gpu_layers: how many of its layers lie on the device; the host has the others.

        Raises:
            MissingExtraError: the engine's library is not installed.
            BackendError: the engine refuses the file.
        """

    def generate(self, emit: Callable[[Delta], None], request: Request) -> None:
        """Write a reply to a conversation, handing each piece to `emit`.

        The oldest turns are left out if the context is too small. Stops as soon as `emit` raises,
        and passes its error on.

        Raises:
            InputError: the engine refuses the request.
            ContextExceeded: what has to stay alone exceeds the context.
            BackendError: the engine fails.
        """

    def count(self, request: Request) -> int:
        """Return how many tokens the prompt of a request has, by the engine's own tokenizer.

        Raises:
            BackendError: the engine fails.
        """

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return a vector a text.

        Raises:
            InputError: the engine refuses a text, or the model makes no vectors.
            BackendError: the engine fails.
        """

    def close(self) -> None:
        """Give the memory back; harmless when nothing is loaded."""


class RemoteLanguageModel(Protocol):
    """A model on a server: it takes no memory here, and its methods wait on the event loop."""

    def generate(self, request: Request) -> AsyncIterator[Delta]:
        """Yield the pieces of a reply; see `LanguageModel.generate`.

        Raises:
            RemoteError: the server is not reached, refuses, or breaks off.
        """

    async def count(self, request: Request) -> int:
        """Return about how many tokens the prompt of a request has, rather too many."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return a vector a text; see `LanguageModel.embed`."""

    async def close(self) -> None:
        """Close the connections; harmless when there are none."""
