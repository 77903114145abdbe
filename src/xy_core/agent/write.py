"""Writes a reply, and keeps it in the mood that is meant."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from xy_core.agent.calls import TurnTools
from xy_core.agent.draft import Draft
from xy_core.agent.express import Expression
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Delta, LLMService, Message

Step = tuple[str, list[str]]
"""What may be shown of a reply, and the sentences that it completes."""
_LETTERS = re.compile(r"\w")


class Writer:
    """Writes one reply.

    A language model follows a directive mostly, a small one often not: it takes up the tone of
    earlier turns, and repeats itself. So the first sentence is held back until it has been read. If
    it is in another mood than meant, or was said before, the model writes again: going on from an
    opening in that mood or, where any beginning will do, without its own earlier words before it.
    Each later sentence is read together with what stands before it, and the reply ends before one
    that would turn its mood.

    Args:
        llm: writes.
        language: of the reply.
        key: of the conversation (see `LLMService.generate`).
        fits: whether a text shows the mood that is meant.
        release: shows a piece of the reply and passes its finished sentences on.
        tools: what the model may call; what their calls raise goes through.
    """

    def __init__(
        self,
        llm: LLMService,
        *,
        language: str,
        key: str,
        fits: Callable[[str], Awaitable[bool]],
        release: Callable[[Step], Awaitable[None]],
        tools: TurnTools | None = None,
    ) -> None:
        self._llm = llm
        self._language = language
        self._key = key
        self._fits = fits
        self._release = release
        self._tools = tools

    async def write(self, messages: Sequence[Message], max_sentences: int) -> str:
        """Write the reply as the model does, token by token, without reading it."""
        draft = Draft(max_sentences)
        async with aclosing(self._generate(messages)) as stream:
            async for delta in stream:
                await self._release(draft.add(delta.text))
                if draft.full:
                    break
        await self._release(("", draft.finish()))
        return draft.text.strip()

    async def write_in_mood(
        self, messages: Sequence[Message], expression: Expression, max_sentences: int
    ) -> tuple[str, bool]:
        """Write the reply sentence by sentence; returns it, and whether it was begun again."""
        said = _sentences_said(messages)
        # Asked the same, a model writes the same: there has to be another way to begin.
        again = bool(said or expression.openings)
        reply = await self._go_on(messages, "", max_sentences, said, strict=again)
        if reply or not again:
            return reply.strip(), False
        if not expression.openings:
            alone = [message for message in messages if message.role != "assistant"]
            reply = await self._go_on(alone, "", max_sentences, said, strict=False)
            return reply.strip(), True
        opening = await self._opening(expression.openings, messages)
        if self._language != "zh":
            opening += " "
        await self._release((opening, [opening]))
        begun = [*messages, Message(role="assistant", content=opening.strip())]
        rest = max_sentences - 1
        if rest:
            said.add(_folded(opening))
            return (await self._go_on(begun, opening, rest, said, strict=True)).strip(), True
        return opening.strip(), True

    async def _go_on(
        self, messages: Sequence[Message], begun: str, most: int, said: set[str], *, strict: bool
    ) -> str:
        """Write on from what is begun, for as long as it fits; returns all of it.

        Args:
            messages: the conversation.
            begun: the beginning of the reply.
            most: sentences to write.
            said: sentences, folded, that are not to be said again; grows.
            strict: whether the first sentence has to fit as well.
        """
        text, bound = begun, strict
        async with aclosing(self._sentences(messages, most)) as sentences:
            async for sentence in sentences:
                if bound and not await self._may_follow(text, sentence, said):
                    break
                text, bound = await self._add(text, sentence, said), True
        return text

    async def _sentences(self, messages: Sequence[Message], most: int) -> AsyncGenerator[str, None]:
        draft = Draft(most)
        async with aclosing(self._generate(messages)) as stream:
            async for delta in stream:
                for sentence in draft.add(delta.text)[1]:
                    yield sentence
                if draft.full:
                    return
        for sentence in draft.finish():
            if sentence.strip():
                yield sentence

    async def _may_follow(self, text: str, sentence: str, said: set[str]) -> bool:
        return _folded(sentence) not in said and await self._fits(text + sentence)

    async def _add(self, text: str, sentence: str, said: set[str]) -> str:
        added = sentence if text and not text[-1].isspace() else sentence.lstrip()
        said.add(_folded(sentence))
        await self._release((added, [added]))
        return text + added

    async def _opening(self, openings: Sequence[str], messages: Sequence[Message]) -> str:
        """Return an opening that the conversation in view does not have yet, and that fits."""
        before = "\n".join(message.content for message in messages)
        freshest = sorted(openings, key=before.count)
        for opening in freshest:
            if await self._fits(opening):
                return opening
        return freshest[0]

    def _generate(
        self, messages: Sequence[Message]
    ) -> TaskStream[Delta] | AsyncGenerator[Delta, None]:
        if self._tools is not None:
            return self._tools.write(self._llm, messages, language=self._language, key=self._key)
        return self._llm.generate(
            messages, language=self._language, priority=TaskPriority.HIGH, key=self._key
        )


def _sentences_said(messages: Sequence[Message]) -> set[str]:
    """Return the sentences of the agent's earlier replies, folded."""
    said: set[str] = set()
    for message in messages:
        if message.role == "assistant":
            draft = Draft(len(message.content) + 1)
            sentences = [*draft.add(message.content)[1], *draft.finish()]
            said |= {_folded(sentence) for sentence in sentences}
    return said


def _folded(sentence: str) -> str:
    return "".join(_LETTERS.findall(sentence.casefold()))
