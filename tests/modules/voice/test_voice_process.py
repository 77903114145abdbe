"""Whisper and a voice in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import numpy as np
import pytest

from tests.modules.voice.test_service import say, voice_service
from xy_core.core.module import HealthStatus
from xy_core.modules.voice import read_audio
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig

ESPEAK = (SynthesizerConfig(engine="espeak", languages=("en",)),)


def config(isolation: str) -> VoiceConfig:
    return VoiceConfig(isolation=isolation, threads=1, synthesizers=ESPEAK)


@pytest.mark.models
async def test_it_hears_and_speaks_the_same_wherever_it_lives(model_store, samples):
    audio = read_audio(samples / "sad_news.wav")
    async with voice_service(model_store, config("none")) as service:
        here = await service.transcribe(audio), await say(service, "Good morning.", "en")
    async with voice_service(model_store, config("process")) as service:
        there = await service.transcribe(audio), await say(service, "Good morning.", "en")
        assert (await service.health()).status is HealthStatus.READY
    assert here[0] == there[0]
    for one, other in zip(here[1], there[1], strict=True):
        # Piper speaks with a little chance; its sound is never twice the same to the sample.
        assert other.seconds == pytest.approx(one.seconds, rel=0.2)
        assert np.abs(other.samples).max() > 0.1
        assert not other.samples.flags.writeable


@pytest.mark.models
async def test_a_transcription_whose_process_is_killed_is_done_again(
    model_store, samples, monkeypatch
):
    audio = read_audio(samples / "sad_news.wav")
    async with voice_service(model_store, config("process")) as service:
        host = service._transcriber.host
        first = host.pid
        begun, enter = threading.Event(), host._enter

        def entering() -> object:
            process = enter()
            begun.set()
            return process

        monkeypatch.setattr(host, "_enter", entering)
        transcribing = asyncio.create_task(service.transcribe(audio))
        assert await asyncio.to_thread(begun.wait, 60)
        os.kill(first, signal.SIGKILL)
        assert "grandmother" in (await transcribing).text
        assert host.restarts == 1
        assert host.pid != first
