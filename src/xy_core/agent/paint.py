"""Paints a picture when the user asks for one, in the mood that the agent shows."""

from __future__ import annotations

import re

from xy_core.agent.context import TurnContext
from xy_core.agent.events import Painted
from xy_core.agent.express import Expression
from xy_core.core.errors import ModuleError
from xy_core.core.task import TaskPriority
from xy_core.modules.image import Generated, ImageRequest, ImageService

_WISHES = (
    re.compile(
        r"\b(?:draw|paint|sketch)\s+(?:me\s+|us\s+)?(?!on\b|attention\b|conclusions?\b)(?P<what>.+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:make|create|generate|show)\s+(?:me\s+|us\s+)?"
        r"an?\s+(?:picture|image|drawing|painting)\s+of\s+(?P<what>.+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:请|帮我|给我|替我|想要你|能不能|可以)*(?:画|生成)(?:一|幅|张|个|只|下)*(?:图片|图画|画)?(?P<what>[^？?。！!]+)"
    ),
)
_END = re.compile(r"[.!?。！？\n].*", re.DOTALL)


def wanted_picture(words: str) -> str:
    """Return what the user wants to be painted; empty if nothing."""
    for wish in _WISHES:
        if found := wish.search(words):
            return _END.sub("", found["what"]).strip(" ,，:：")
    return ""


async def paint_wish(turn: TurnContext, words: str, expression: Expression) -> None:
    """Paint what the user asked for, if anything, and tell each picture.

    Without an image module there is nothing to do. A user who waits for words waits less than one
    who waits for a picture, so that it gives way to everything at HIGH priority.
    """
    subject = wanted_picture(words)
    if not subject:
        return
    try:
        image = turn.engine.module(ImageService)
    except ModuleError:
        return

    async def paint() -> None:
        request = ImageRequest(prompt=expression.image_prompt(subject))
        async with image.generate(request, priority=TaskPriority.MEDIUM) as events:
            async for event in events:
                if isinstance(event, Generated):
                    await turn.tell(Painted(subject, event))

    await turn.or_without("image", paint(), None)
