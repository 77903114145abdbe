"""Reading real pictures with the real reader."""

from __future__ import annotations

import asyncio
import builtins
import socket
from collections.abc import AsyncIterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.modules.held import TIMES, nothing_left
from xy_core.core.errors import MissingExtraError, ModuleUnavailable
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority
from xy_core.modules.vision import Picture, VisionConfig, VisionService
from xy_core.modules.vision.backends.rapid_ocr import RapidOcrReader

TEXT = "Fresh bread every morning"


@pytest.fixture
async def vision(scheduler: GlobalTaskScheduler) -> AsyncIterator[VisionService]:
    service = VisionService(ModuleContext(scheduler, EventBus()), VisionConfig())
    await service.initialize()
    yield service
    await service.stop()


def drawn(text: str, size: tuple[int, int] = (640, 160), turn: int = 0) -> Picture:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((30, 40), text, fill="black", font=ImageFont.load_default(40))
    return Picture(np.array(image.rotate(turn)))


async def test_a_line_is_read_where_it_stands(vision):
    facts = await vision.look(drawn(TEXT))
    (line,) = facts.lines
    assert line.text == TEXT
    assert line.confidence > 0.9
    assert all(15 <= x <= 560 and 25 <= y <= 110 for x, y in line.box)
    assert [colour.name for colour in facts.colours] == ["white"]
    assert facts.faces is None


def test_opening_and_closing_leaves_nothing():
    def use():
        reader = RapidOcrReader(VisionConfig())
        reader.load()
        assert reader.read(drawn(TEXT))
        reader.close()

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()


async def test_a_reader_in_a_process_of_its_own_reads_the_same(vision, scheduler):
    picture = drawn(TEXT, (1_920, 1_080))
    here = await vision.look(picture)
    await vision.stop()
    config = VisionConfig(isolation="process")
    apart = VisionService(ModuleContext(scheduler, EventBus()), config)
    await apart.initialize()
    try:
        assert await apart.look(picture) == here
        assert (await apart.health()).status is HealthStatus.READY
    finally:
        await apart.stop()


async def test_a_line_that_stands_on_its_head_is_read(vision):
    assert [line.text for line in (await vision.look(drawn(TEXT, turn=180))).lines] == [TEXT]


async def test_boxes_of_a_large_picture_are_in_its_own_pixels(vision):
    image = Image.new("RGB", (3_000, 600), "white")
    font = ImageFont.load_default(150)
    ImageDraw.Draw(image).text((900, 200), "HELLO", fill="black", font=font)
    (line,) = (await vision.look(Picture(np.array(image)))).lines
    assert line.text == "HELLO"
    assert min(x for x, _ in line.box) == pytest.approx(900, abs=60)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3_000), (9, 3_000), (3_000, 9), (200, 300)])
async def test_pictures_without_text_have_no_lines(vision, shape):
    facts = await vision.look(Picture(np.full((*shape, 3), 255, np.uint8)))
    assert facts.lines == ()
    assert (facts.height, facts.width) == shape


async def test_pictures_may_come_at_once_and_reading_is_a_device_task(vision, scheduler):
    words = ("north", "south", "east", "west")
    looks = (vision.look(drawn(word), priority=TaskPriority.HIGH) for word in words)
    found = await asyncio.gather(*looks)
    assert [facts.lines[0].text for facts in found] == list(words)
    tasks = [task for task in scheduler.tasks() if task.name == "vision.read"]
    assert {(task.lane, task.priority) for task in tasks} == {("device:cpu", TaskPriority.HIGH)}
    events = [event.event for event in scheduler.trace if event.task.name == "vision.read"]
    assert [event for event in events if event != "task_scheduled"] == [
        "worker_start",
        "task_completed",
    ] * len(words)


async def test_nothing_is_printed(vision, capfd):
    await vision.look(drawn(TEXT))
    await vision.look(drawn(""))
    assert capfd.readouterr() == ("", "")


async def test_loading_needs_no_network(scheduler, monkeypatch):
    def refuse(*_args):
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    service = VisionService(ModuleContext(scheduler, EventBus()), VisionConfig())
    await service.initialize()
    assert (await service.health()).status is HealthStatus.READY
    await service.stop()


async def test_a_stopped_module_is_not_available(vision):
    assert (await vision.health()).status is HealthStatus.READY
    await vision.stop()
    assert (await vision.health()).status is HealthStatus.STOPPED
    with pytest.raises(ModuleUnavailable):
        await vision.look(drawn(TEXT))


async def test_a_missing_library_names_its_extra(scheduler, monkeypatch):
    importing = builtins.__import__

    def without(name, *args, **options):
        if name == "rapidocr":
            raise ImportError(name)
        return importing(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    service = VisionService(ModuleContext(scheduler, EventBus()), VisionConfig())
    with pytest.raises(MissingExtraError, match=r"xy-core\[vision\]"):
        await service.initialize()


async def test_the_sample_sign_is_read_in_both_languages(vision, samples):
    facts = await vision.look(Picture.load(samples / "sign.png"))
    texts = [line.text for line in facts.lines]
    assert texts == ["Welcome to the tea house", "欢迎光临茶馆"]
