"""Shows what transformers writes, token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xy_core.modules.llm.types import Delta


class TokenStream:
    """Takes tokens as `generate` chooses them, and hands over the text that is sure.

    What could be half of a character, or the beginning of a stop text, waits for what follows.
    An error of `emit` goes through `generate`, which ends it at this very token.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - of an optional library
        emit: Callable[[Delta], None],
        stops: Sequence[str],
    ) -> None:
        self._tokenizer = tokenizer
        self._emit = emit
        self._stops = stops
        self._tokens: list[int] = []
        self._shown = 0
        self._cut: str | None = None
        self._began = False

    @property
    def count(self) -> int:
        """Tokens that were written."""
        return len(self._tokens)

    @property
    def last(self) -> int | None:
        """The latest token."""
        return self._tokens[-1] if self._tokens else None

    @property
    def stopped(self) -> bool:
        """Whether a stop text was reached."""
        return self._cut is not None

    def put(self, tokens: Any) -> None:  # noqa: ANN401 - a tensor
        """Take the prompt, the first time, or a token."""
        if not self._began:
            self._began = True
            self._emit(Delta(""))  # a chance to see a cancellation before the first token
            return
        self._tokens += tokens.reshape(-1).tolist()
        text = self._text()
        cut = min((at for stop in self._stops if (at := text.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self._cut = text[:cut]
            return
        held = max((overlap(text, stop) for stop in self._stops), default=0)
        end = len(text) - held
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            end = min(end, len(text.rstrip("\N{REPLACEMENT CHARACTER}")))
        piece, self._shown = text[self._shown : end], max(end, self._shown)
        self._emit(Delta(piece))

    def end(self) -> None:
        """Do nothing: the last piece comes with the usage figures."""

    def met(self, tokens: Any, _scores: Any, **_: Any) -> Any:  # noqa: ANN401 - tensors
        """Tell `generate` whether a stop text was reached, as its stopping criterion."""
        import torch  # noqa: PLC0415 - heavy: only when a model is used

        return torch.full((tokens.shape[0],), self.stopped, device=tokens.device)

    def rest(self) -> str:
        """Return what was held back, when no more is to come."""
        text = self._text() if self._cut is None else self._cut
        return text[self._shown :]

    def _text(self) -> str:
        text: str = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        return text


def overlap(text: str, stop: str) -> int:
    """Return how many last characters of a text could begin the stop."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
