"""A reply while it is being written."""

from __future__ import annotations

from xy_core.modules.voice import SentenceSplitter


class Draft:
    """Takes the pieces of a reply, cuts them into sentences, and is full after enough of them.

    Attributes:
        text: the reply so far; what all calls of `add` returned as shown, joined.
    """

    def __init__(self, max_sentences: int) -> None:
        self._splitter = SentenceSplitter()
        self._room = max_sentences
        self._finished = 0
        self.text = ""

    @property
    def full(self) -> bool:
        """Whether nothing more may be added."""
        return self._room == 0

    def add(self, piece: str) -> tuple[str, list[str]]:
        """Add a piece; return what of it may be shown, and the sentences that it completed."""
        sentences = self._splitter.feed(piece)[: self._room]
        self._room -= len(sentences)
        self._finished += sum(map(len, sentences))
        shown = piece[: max(0, self._finished - len(self.text))] if self.full else piece
        self.text += shown
        if self.full and sentences:
            # A sentence that was cut for its length may end before what is already shown.
            sentences[-1] += self.text[self._finished :]
        return shown, sentences

    def finish(self) -> list[str]:
        """Return the sentence that was still open, if any, at the end of the writing."""
        return [] if self.full else self._splitter.flush()
