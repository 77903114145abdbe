"""Writes a reply, and begins it again where it begins in another mood than meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from xy_core.agent.draft import Draft
from xy_core.agent.express import Expression
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Delta, LLMService, Message

Step = tuple[str, list[str]]
"""What may be shown of a reply, and the sentences that it completes."""


class Writer:
    """Writes one reply.

    A language model follows a directive mostly, a small one often not. So where the mood matters
    the first sentence is held back until it has been read: it is what a listener takes the mood
    from, and the rest follows its tone. If it does not fit, the model writes again, going on from
    an opening that does.

    Args:
        llm: writes.
        language: of the reply.
        key: of the conversation (see `LLMService.generate`).
        fits: whether a sentence shows the mood that is meant.
        release: shows a piece of the reply and passes its finished sentences on.
    """

    def __init__(
        self,
        llm: LLMService,
        *,
        language: str,
        key: str,
        fits: Callable[[str], Awaitable[bool]],
        release: Callable[[Step], Awaitable[None]],
    ) -> None:
        self._llm = llm
        self._language = language
        self._key = key
        self._fits = fits
        self._release = release

    async def write(
        self,
        messages: Sequence[Message],
        expression: Expression,
        max_sentences: int,
        *,
        check: bool,
    ) -> tuple[str, bool]:
        """Write the reply; returns it, and whether it had to be begun again.

        Args:
            messages: the conversation.
            expression: what is meant; without openings any beginning is right.
            max_sentences: the reply ends after that many.
            check: whether the beginning is read at all.
        """
        draft = Draft(max_sentences)
        if not (check and expression.openings):
            await self._stream(messages, draft)
            return draft.text.strip(), False
        if await self._try(messages, draft):
            return draft.text.strip(), False
        draft = Draft(max_sentences)
        opening = _fresh(expression.openings, messages)
        await self._release(draft.add(opening if self._language == "zh" else f"{opening} "))
        if not draft.full:
            await self._stream([*messages, Message(role="assistant", content=opening)], draft)
        return draft.text.strip(), True

    async def _stream(self, messages: Sequence[Message], draft: Draft) -> None:
        async with self._generate(messages) as stream:
            async for delta in stream:
                await self._release(draft.add(delta.text))
                if draft.full:
                    break
        await self._release(("", draft.finish()))

    async def _try(self, messages: Sequence[Message], draft: Draft) -> bool:
        """Write, unless the first sentence does not fit; then nothing of it has been shown."""
        held: list[Step] = []
        read = False
        async with self._generate(messages) as stream:
            async for delta in stream:
                step = draft.add(delta.text)
                held.append(step)
                if not read and step[1]:
                    if not await self._fits(step[1][0]):
                        return False
                    read = True
                if read:
                    for one in held:
                        await self._release(one)
                    held.clear()
                if draft.full:
                    break
        held.append(("", draft.finish()))
        if not read and not await self._fits(draft.text):
            return False
        for one in held:
            await self._release(one)
        return True

    def _generate(self, messages: Sequence[Message]) -> TaskStream[Delta]:
        return self._llm.generate(
            messages, language=self._language, priority=TaskPriority.HIGH, key=self._key
        )


def _fresh(openings: Sequence[str], messages: Sequence[Message]) -> str:
    """Return an opening that the conversation in view does not have yet, if there is one."""
    said = "\n".join(message.content for message in messages)
    return next((opening for opening in openings if opening not in said), openings[0])
