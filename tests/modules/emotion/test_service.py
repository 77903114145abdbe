from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from xy_core.core.errors import ModuleUnavailable
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.models import ModelStore
from xy_core.modules.emotion import (
    Affect,
    Emotion,
    EmotionReading,
    EmotionService,
    Modality,
    MoodMoved,
)
from xy_core.modules.emotion.config import EmotionConfig

CLEAR = [
    tuple(line.split("\t"))
    for line in Path(__file__).with_name("clear.tsv").read_text("utf-8").splitlines()
]
"""Emotion and sentence: everyday speech, none of which the weights were trained on."""


@pytest.fixture
async def bus():
    bus = EventBus()
    yield bus
    await bus.close()


@pytest.fixture
async def emotion(scheduler, bus: EventBus):
    service = EmotionService(ModuleContext(scheduler, bus), EmotionConfig())
    await service.initialize()
    yield service
    await service.stop()


async def test_nearly_all_clear_sentences_are_read(emotion: EmotionService):
    readings = await asyncio.gather(*(emotion.read_text(text) for _, text in CLEAR))
    wrong = [
        (text, expected, reading.as_json())
        for (expected, text), reading in zip(CLEAR, readings, strict=True)
        if reading.top != expected
    ]
    assert len(wrong) <= len(CLEAR) * 0.05, wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I just lost my job", Emotion.SADNESS),
        ("My grandmother died last night and I do not know what to do", Emotion.SADNESS),
        ("我今天拿到了录取通知书，太开心了！", Emotion.JOY),
        ("What does this sign say?", Emotion.NEUTRAL),
    ],
)
async def test_what_the_agent_answers_with_feeling_is_read_surely(
    emotion: EmotionService, text: str, expected: Emotion
):
    reading = await emotion.read_text(text)
    assert reading.top is expected
    assert not reading.unsure


@pytest.mark.parametrize(
    ("text", "expected"),
    [("😊", Emotion.JOY), ("😭😭😭", Emotion.SADNESS), ("😡", Emotion.ANGER)],
)
async def test_emoji_carry_emotion(emotion: EmotionService, text: str, expected: Emotion):
    assert (await emotion.read_text(text)).top is expected


@pytest.mark.parametrize("text", ["", "   ", "?!", "\x00", "42", "\ud800", "ــ"])
async def test_a_text_without_words_reads_as_nothing(emotion: EmotionService, text: str):
    assert await emotion.read_text(text) == EmotionReading.nothing()


async def test_a_very_long_text_is_read_at_its_beginning(emotion: EmotionService):
    reading = await emotion.read_text("I am so sad. " * 200_000)
    assert reading.top is Emotion.SADNESS


async def test_garbage_is_unsure_or_neutral(emotion: EmotionService):
    reading = await emotion.read_text("xkcd qwrt zzgh vbnm plkj")
    assert reading.unsure or reading.top is Emotion.NEUTRAL


async def test_reading_is_a_task_of_the_scheduler(emotion: EmotionService, scheduler):
    await emotion.read_text("Hello")
    assert "emotion.text" in {event.task.name for event in scheduler.trace}


async def test_a_reading_moves_the_mood_and_tells_the_others(
    emotion: EmotionService, bus: EventBus
):
    async with bus.subscribe(MoodMoved) as moved:
        reading = await emotion.read_text("I just lost my job")
        mood = await emotion.feel("ann", reading)
        event = await anext(aiter(moved))
    assert event == MoodMoved(person="ann", reading=reading, mood=mood)
    assert mood.valence < 0
    assert emotion.mood("bob") == Affect.neutral()


async def test_a_stopped_module_refuses(emotion: EmotionService):
    assert (await emotion.health()).status is HealthStatus.READY
    await emotion.stop()
    assert (await emotion.health()).status is HealthStatus.STOPPED
    with pytest.raises(ModuleUnavailable):
        await emotion.read_text("Hello")


# -- voices ----------------------------------------------------------------------------------


def buzz(seconds: float = 1.5) -> npt.NDArray[np.float32]:
    t = np.arange(round(16_000 * seconds)) / 16_000
    tones = [np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 10)]
    return (0.2 * np.sum(tones, axis=0) * np.abs(np.sin(np.pi * 4 * t))).astype(np.float32)


async def test_a_voice_is_read_on_the_cpu_lane(emotion: EmotionService, scheduler):
    (evidence,) = await emotion.read_voice("ann", buzz(), 16_000)
    assert evidence.modality is Modality.VOICE
    lanes = {event.task.lane for event in scheduler.trace if event.task.name == "emotion.voice"}
    assert lanes == {"cpu"}
    assert await emotion.read_voice("ann", np.zeros(16_000, np.float32), 16_000) == []
    emotion.forget("ann")
    assert not emotion.knows("ann")


async def test_a_missing_library_leaves_voices_unread_and_words_read(
    scheduler, bus: EventBus, monkeypatch
):
    monkeypatch.setitem(sys.modules, "swift_f0", None)
    service = EmotionService(ModuleContext(scheduler, bus), EmotionConfig())
    await service.initialize()
    health = await service.health()
    assert health.status is HealthStatus.DEGRADED
    assert "xy-core[emotion]" in health.detail
    assert await service.read_voice("ann", buzz(), 16_000) == []
    assert (await service.read_text("I am so happy!")).top is Emotion.JOY
    await service.stop()


async def test_a_missing_speech_model_names_the_command(scheduler, bus: EventBus, tmp_path: Path):
    catalogue = tmp_path / "own.toml"
    catalogue.write_text(
        '[[models]]\nid = "sense"\nkind = "emotion"\ntitle = "S"\nlicence = "MIT"\n'
        '[[models.files]]\nname = "model.onnx"\nsize = 1\n'
        f'[[models.files.sources]]\ntype = "path"\npath = "{tmp_path}"\n'
    )
    store = ModelStore(tmp_path / "models", catalogue)
    config = EmotionConfig.model_validate({"speech": {"model": "sense"}})
    service = EmotionService(ModuleContext(scheduler, bus, {ModelStore: store}), config)
    await service.initialize()
    health = await service.health()
    assert health.status is HealthStatus.DEGRADED
    assert "xy-core models pull sense" in health.detail
    assert len(await service.read_voice("ann", buzz(), 16_000)) == 1
    await service.stop()
