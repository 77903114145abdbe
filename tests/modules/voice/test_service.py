"""The voice module with its real engines: what it says, it hears."""

from contextlib import asynccontextmanager

import jiwer
import numpy as np
import pytest

from xy_core.core.config import BusConfig, DeviceConfig, SchedulerConfig
from xy_core.core.errors import BackendError, InputError, ModelNotInstalledError
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.modules.voice import Audio, VoiceService, VoiceStyle, read_audio, spoken_text
from xy_core.modules.voice.backends.espeak import EspeakSynthesizer
from xy_core.modules.voice.backends.mandarin import MandarinPhonemes
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig


@asynccontextmanager
async def voice_service(store, config=None):
    schedule = SchedulerConfig(devices=(DeviceConfig(name="cpu"),))
    async with GlobalTaskScheduler(schedule) as scheduler:
        context = ModuleContext(scheduler, EventBus(BusConfig()), {ModelStore: store})
        service = VoiceService(context, config or VoiceConfig())
        await service.initialize()
        try:
            yield service
        finally:
            await service.stop()


async def say(service, text, language, style=None):
    async with service.speak(text, language=language, style=style) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.models
async def test_it_hears_what_it_says(model_store, samples):
    async with voice_service(model_store) as service:
        heard = await service.transcribe(read_audio(samples / "sad_news.wav"))
        assert heard.language == "en"
        truth = "My grandmother died last night, and I do not know what to do."
        assert jiwer.wer(spoken_text(truth), spoken_text(heard.text)) <= 1 / 14
        assert 0 < heard.confidence <= 1

        for language, text, rate in (
            ("en", "I am so sorry. I will stay with you tonight.", jiwer.wer),
            ("zh", "太棒了，恭喜你！我真为你高兴。", jiwer.cer),
        ):
            spoken = Audio.concat(await say(service, text, language, VoiceStyle(1.1, 1.0, 1.1)))
            again = await service.transcribe(spoken)
            assert again.language == language
            assert rate(spoken_text(text), spoken_text(again.text)) <= 0.35

        health = await service.health()
        assert health.status is HealthStatus.READY
        assert "kokoro" in str(health.facts["synthesizers"])


@pytest.mark.models
async def test_silence_and_noise_are_nobody_speaking(model_store):
    async with voice_service(model_store) as service:
        noise = np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)
        for audio in (Audio.silence(1, 16_000), Audio(noise, 16_000)):
            assert (await service.transcribe(audio)).text == ""


@pytest.mark.models
async def test_bounds_and_what_cannot_be_said(model_store):
    config = VoiceConfig(max_seconds=1)
    async with voice_service(model_store, config) as service:
        with pytest.raises(InputError, match=r"over the limit of 1 s.*voice\.max_seconds"):
            await service.transcribe(Audio.silence(2, 16_000))
        assert await say(service, "😀 **", "en") == []
        slow = Audio.concat(await say(service, "Good morning.", "en", VoiceStyle(rate=0.8)))
        fast = Audio.concat(await say(service, "Good morning.", "en", VoiceStyle(rate=1.3)))
        assert fast.seconds < slow.seconds


async def test_a_missing_model_names_the_command(tmp_path):
    with pytest.raises(ModelNotInstalledError, match="xy-core models pull whisper-base-ct2"):
        async with voice_service(ModelStore(tmp_path)):
            pass


def test_espeak_speaks_mandarin_and_refuses_what_it_has_not():
    espeak = EspeakSynthesizer()
    with pytest.raises(BackendError, match="not loaded"):
        next(espeak.synthesize("你好", "zh", VoiceStyle()))
    espeak.load()
    (audio,) = espeak.synthesize("你好", "zh", VoiceStyle())
    assert audio.seconds > 0.2
    assert np.abs(audio.samples).max() > 0.05
    with pytest.raises(BackendError, match="no voice"):
        next(espeak.synthesize("x", "no-such-language", VoiceStyle()))
    espeak.close()


def test_mandarin_phonemes_carry_tones_and_spell_latin_words():
    phonemes = MandarinPhonemes()
    assert "↓" in phonemes("你好")
    assert "ɹ" in phonemes("我用red")


def test_a_damaged_voice_is_named(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a model")
    (tmp_path / "a.onnx.json").write_text("{}")
    with pytest.raises(BackendError, match=r"a\.onnx"):
        PiperSynthesizer(tmp_path / "a.onnx", 1).load()


def test_synthesizers_are_chosen_in_the_configuration():
    with pytest.raises(ValueError, match="engine"):
        SynthesizerConfig(engine="festival", languages=("en",))  # type: ignore[arg-type]
