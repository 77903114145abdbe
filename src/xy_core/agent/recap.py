"""Keeps a conversation within the language model's context, and sums up what falls out of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from xy_core.core.errors import ContextExceeded, QueueFull, XyCoreError
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService, Message, Sampling, without_oldest_turn

_MOST_PEOPLE = 256
"""Conversations whose recap is kept; who was silent longest loses theirs."""
_AROUND = 32
"""Tokens that a template may put around a message, and before them all."""
_SUMMARY = Sampling(max_tokens=96, temperature=0.0)
_ASK = {
    "en": "Sum up in two short sentences what this conversation was about:\n{talk}",
    "zh": "用两句简短的话概括下面的对话：\n{talk}",
}
_TOLD = {"en": "Earlier in this conversation: {text}", "zh": "此前的对话：{text}"}


@dataclass(frozen=True, slots=True)
class Recap:
    """What was said before the messages that still fit.

    Attributes:
        text: the summary.
        covers: the messages that it stands for.
    """

    text: str
    covers: frozenset[Message]


class Recaps:
    """The recaps of all people's conversations; only in memory, and each person's apart.

    A turn never waits for one: it uses what is there. What fell out is summed up afterwards by a
    LOW task that gives way to every turn, and stands in its place from the next turn on.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, Recap] = OrderedDict()
        self._making: set[str] = set()

    async def fitted(
        self, llm: LLMService, messages: Sequence[Message], *, person: str, language: str
    ) -> tuple[Message, ...]:
        """Return the messages that fit, whole turns only, after a recap of those that do not.

        The system's words and the newest turn always stay.

        Raises:
            ContextExceeded: they alone do not fit.
        """
        whole = tuple(messages)
        if all(one.role == "system" for one in whole[:-1]):
            self.forget(person)  # whoever has no past any more, in memory, has none here either
        if await _fits(llm, whole, language):
            return whole
        recap = self._known.get(person)
        told = whole if recap is None else _with_recap(whole, recap, language)
        return await _shortened(llm, told, language)

    def sum_up(
        self,
        scheduler: GlobalTaskScheduler,
        llm: LLMService,
        fallen: Sequence[Message],
        *,
        person: str,
        language: str,
    ) -> None:
        """Let what fell out be summed up when nobody waits; harmless if it was or is being."""
        recap = self._known.get(person)
        covered = frozenset() if recap is None else recap.covers
        if person in self._making or covered.issuperset(fallen) or not llm.follows(language):
            return

        async def work() -> None:
            try:
                await self._sum_up(llm, fallen, person=person, language=language)
            except XyCoreError:
                pass  # the next turn that lacks it asks again
            finally:
                self._making.discard(person)

        self._making.add(person)
        try:
            scheduler.submit(work, name="agent.recap", priority=TaskPriority.LOW)
        except QueueFull:
            self._making.discard(person)

    def forget(self, person: str) -> None:
        """Forget a person's conversation."""
        self._known.pop(person, None)

    async def _sum_up(
        self, llm: LLMService, fallen: Sequence[Message], *, person: str, language: str
    ) -> None:
        before = self._known.get(person)
        known = [] if before is None else [before.text]
        talk = "\n".join([*known, *(f"{one.role}: {one.content}" for one in fallen)])
        asked = [Message("user", _ASK[language].format(talk=talk[-_room(llm) :]))]
        reply = await llm.complete(
            asked,
            language=language,
            sampling=_SUMMARY,
            priority=TaskPriority.LOW,
            preemptible=True,
        )
        self._known[person] = Recap(" ".join(reply.text.split()), frozenset(fallen))
        self._known.move_to_end(person)
        while len(self._known) > _MOST_PEOPLE:
            self._known.popitem(last=False)


def fallen_out(messages: Sequence[Message], kept: Sequence[Message]) -> list[Message]:
    """Return which messages of a conversation are not among those that are kept."""
    left = set(kept)
    return [one for one in messages if one.role != "system" and one not in left]


async def _shortened(
    llm: LLMService, messages: tuple[Message, ...], language: str
) -> tuple[Message, ...]:
    """Leave out as few of the oldest turns as possible, found by halving."""
    steps = [messages]
    try:
        while True:
            steps.append(without_oldest_turn(steps[-1]))
    except ContextExceeded:
        low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        if await _fits(llm, steps[middle], language):
            high = middle
        else:
            low = middle + 1
    if not await _fits(llm, steps[low], language):
        raise ContextExceeded
    return steps[low]


async def _fits(llm: LLMService, messages: Sequence[Message], language: str) -> bool:
    most = llm.config.context_tokens - llm.config.max_tokens
    # No token of a byte-level vocabulary is shorter than a byte: what is short needs no counting.
    if sum(len(one.content.encode()) + _AROUND for one in messages) <= most:
        return True
    return await llm.count_tokens(messages, language=language) <= most


def _with_recap(messages: tuple[Message, ...], recap: Recap, language: str) -> tuple[Message, ...]:
    told = _TOLD[language].format(text=recap.text)
    first = messages[0]
    if first.role != "system":
        return (Message("system", told), *messages)
    return (Message("system", f"{first.content}\n{told}"), *messages[1:])


def _room(llm: LLMService) -> int:
    """Return how many characters of talk fit beside the question, for sure."""
    return max(256, llm.config.context_tokens - 256)
