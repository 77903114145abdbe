"""What a module is as well that knows something of the world when a turn begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Question:
    """What a turn is about.

    Attributes:
        words: what the user typed and said.
        person: who it is.
        language: ``en`` or ``zh``; the answer should be in it.
    """

    words: str
    person: str
    language: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a module knows and the language model is told.

    Attributes:
        module: the module's name.
        text: a sentence or two.
    """

    module: str
    text: str


class ContextProvider(ABC):
    """A second base class for a `Module`: the agent asks it at the beginning of each turn.

    The weather, what sensors in the house say, the next appointment: whatever it tells stands in
    the prompt, cut to `LONGEST` characters. It is asked while the turn hears, sees and recalls, and
    has ``agent.context_timeout`` seconds; a turn goes on without one that fails.

    Attributes:
        name: that of the module.
    """

    name: ClassVar[str]

    @abstractmethod
    async def tell(self, question: Question) -> str:
        """Return what is worth knowing for this turn; an empty text if there is nothing."""


LONGEST = 400
"""Characters of one note: about a tenth of what a small model's prompt may hold."""
