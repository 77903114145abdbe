"""How much working memory tasks really need, learned from what they report."""

from __future__ import annotations

from collections import OrderedDict, deque

_RECENT = 16
"""Reports of one kind of task that count."""
_ENOUGH = 3
"""Reports before a declared figure is lowered; one is enough to raise it."""
_MARGIN = 1.05
"""What is kept above the largest recent report."""
_KINDS = 1_024
"""Kinds that are remembered."""


class PeakTable:
    """Corrects declared working memory by the ratio of reported to declared bytes.

    The ratio is the largest of the last 16 reports of that kind, plus 5 %. Kinds that declare
    nothing are expected to need what they reported.
    """

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent: OrderedDict[tuple[str | None, str], deque[float]] = OrderedDict()

    def expect(self, model: str | None, name: str, declared: int) -> int:
        """Return the bytes that a task of that kind will need, given what it declares."""
        recent = self._recent.get((model, name))
        if not recent:
            return declared
        largest = max(recent) * _MARGIN
        expected = int(largest * (declared or 1))
        return expected if len(recent) >= _ENOUGH else max(declared, expected)

    def learn(self, model: str | None, name: str, declared: int, peak: int) -> None:
        """Note what a task of that kind reported, in bytes."""
        recent = self._recent.get((model, name))
        if recent is None:
            recent = self._recent[model, name] = deque(maxlen=_RECENT)
            if len(self._recent) > _KINDS:
                self._recent.popitem(last=False)
        recent.append(peak / (declared or 1))
