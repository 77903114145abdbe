"""Pictures that the user asks for: what is wanted, and the mood that it is painted in."""

from __future__ import annotations

import numpy as np
import pytest

from xy_core.agent.config import AgentConfig
from xy_core.agent.context import TurnContext
from xy_core.agent.events import Painted, PartFailed
from xy_core.agent.express import express
from xy_core.agent.paint import paint_wish, wanted_picture
from xy_core.agent.percept import UserInput
from xy_core.agent.recap import Recaps
from xy_core.core.errors import BackendError, ModuleUnavailable
from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.modules.emotion import Emotion, EmotionReading
from xy_core.modules.image import Generated, ImageConfig, ImageService


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("Draw me a lighthouse.", "a lighthouse"),
        ("Could you paint a red boat, please? Thanks", "a red boat, please"),
        ("I am sad. Show me a picture of the sea!", "the sea"),
        ("画一只猫", "猫"),
        ("请帮我画一张海边的日落。", "海边的日落"),
        ("帮我生成一张图片：雪山", "雪山"),
        ("What do you see in this picture?", ""),
        ("I want to draw attention to this.", ""),
        ("", ""),
    ],
)
def test_what_the_user_wants_to_see(words, subject):
    assert wanted_picture(words) == subject


class _Painter:
    """A remote engine that remembers what it was asked."""

    def __init__(self, error=None):
        self.asked = []
        self.error = error

    async def generate(self, job):
        self.asked.append(job)
        if self.error:
            raise self.error
        yield Generated(0, np.zeros((64, 64, 3), np.uint8), 7)

    async def close(self):
        pass


class _Engine:
    def __init__(self, service=None):
        self.service = service

    def module(self, kind):
        if self.service is None:
            raise ModuleUnavailable(kind.name, None)
        return self.service


def sad() -> EmotionReading:
    shares = dict.fromkeys(Emotion, 0.01) | {Emotion.SADNESS: 0.94}
    return EmotionReading(shares, certainty=1.0, unsure=False)


async def painted(scheduler, words, expression, painter):
    service = ImageService(
        ModuleContext(scheduler, EventBus()),
        ImageConfig(engine="a1111", base_url="http://127.0.0.1:1"),
    )
    service._remote = painter
    events = []

    async def tell(event):
        events.append(event)

    turn = TurnContext(_Engine(service), AgentConfig(), UserInput(text=words), tell, Recaps())
    await paint_wish(turn, words, expression)
    return events


async def test_the_prompt_that_reaches_the_engine_carries_the_mood(scheduler):
    painter = _Painter()
    expression = express(sad(), "en")
    (event,) = await painted(scheduler, "Draw me a lighthouse.", expression, painter)
    assert isinstance(event, Painted)
    assert event.body() == {
        "subject": "a lighthouse",
        "width": 64,
        "height": 64,
        "seed": 7,
        "flagged": False,
    }
    (job,) = painter.asked
    assert job.prompt == f"a lighthouse, {expression.image_mood}"
    assert expression.image_mood


async def test_a_picture_that_fails_fails_alone(scheduler):
    painter = _Painter(BackendError("no ink"))
    (event,) = await painted(scheduler, "画一只猫", express(sad(), "zh"), painter)
    assert isinstance(event, PartFailed)
    assert event.body() == {"part": "image", "error": "no ink"}


async def test_nothing_is_painted_unasked_or_without_the_module(scheduler):
    painter = _Painter()
    assert not await painted(scheduler, "How are you?", express(sad(), "en"), painter)
    assert not painter.asked
    turn = TurnContext(
        _Engine(), AgentConfig(), UserInput(text="draw a cat"), tell=None, recaps=Recaps()
    )
    await paint_wish(turn, "draw a cat", express(sad(), "en"))
