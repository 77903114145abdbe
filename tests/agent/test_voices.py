"""Joy and sadness, spoken by the real voices and measured: they differ in pitch, pace, loudness."""

from __future__ import annotations

import pytest

from xy_core.agent import express
from xy_core.modules.emotion import Emotion, EmotionReading
from xy_core.modules.emotion.speech.features import measure
from xy_core.modules.emotion.speech.pitch import PitchTracker
from xy_core.modules.voice import Audio, VoiceService
from xy_core.runtime import Runtime

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

SAID = {
    "en": "I am walking home from the station, and then we can talk.",
    "zh": "我现在正从车站走回家，然后我们可以谈谈。",
}
TIMES = 8
"""Piper draws the length of every sound at random: one sentence alone may be 10 % longer."""


async def say(runtime: Runtime, language: str, emotion: Emotion) -> Audio:
    shares = {one: float(one is emotion) for one in Emotion}
    style = express(EmotionReading(shares, 1.0, unsure=False), language).voice
    voice = runtime.engine.module(VoiceService)
    said: list[Audio] = []
    for _ in range(TIMES):
        async with voice.speak(SAID[language], language=language, style=style) as chunks:
            said += [chunk async for chunk in chunks]
    return Audio.concat(said)


@pytest.mark.timeout(300)  # it speaks a dozen times
@pytest.mark.parametrize("language", SAID)
async def test_joy_is_higher_quicker_and_louder_than_sadness(runtime: Runtime, language: str):
    tracker = PitchTracker(1)
    tracker.load()
    joyful, neutral, sad = [
        await say(runtime, language, emotion)
        for emotion in (Emotion.JOY, Emotion.NEUTRAL, Emotion.SADNESS)
    ]
    heard = [measure(tracker.track(audio.samples, audio.rate)) for audio in (joyful, neutral, sad)]
    joy, plain, sadness = heard
    assert joy.pitch > plain.pitch + 0.5
    assert plain.pitch > sadness.pitch + 0.5
    assert joy.pitch - sadness.pitch > 2.0
    assert sad.seconds / joyful.seconds > 1.15
    assert joy.loudness > sadness.loudness + 1
