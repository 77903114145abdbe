"""The voice module while someone speaks, and with a voice in a server."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from tests.modules.voice.gpt_sovits_double import RATE, SovitsDouble
from tests.modules.voice.test_references import BANK
from tests.modules.voice.test_references import tone as recording
from tests.modules.voice.test_service import say, voice_service
from xy_core.core.errors import ConfigError, SpeechServerError
from xy_core.modules.voice import Audio, SpeechMarkup, VoiceStyle, read_audio, write_wav
from xy_core.modules.voice.config import (
    SpeechServerConfig,
    SynthesizerConfig,
    TranscriberConfig,
    VoiceConfig,
)

pytestmark = pytest.mark.models
ESPEAK = SynthesizerConfig(engine="espeak", languages=("en",))


@pytest.fixture
def double():
    running = SovitsDouble()
    with contextlib.closing(running):
        yield running


def config(double, folder, **options):
    write_wav(folder / "neutral.wav", recording(4))
    write_wav(folder / "joy.wav", recording(5))
    (folder / "voices.toml").write_text(BANK)
    server = SpeechServerConfig(url=double.url, references=folder / "voices.toml")
    entry = SynthesizerConfig(engine="gpt_sovits", languages=("en", "zh"), server=server)
    return VoiceConfig(synthesizers=(entry, ESPEAK), **options)


async def pieces(audio):
    for samples in np.array_split(audio.samples, 6):
        yield Audio(samples, audio.rate)


async def test_words_come_while_someone_speaks(model_store, samples):
    audio = read_audio(samples / "sad_news.wav")
    hearing = VoiceConfig(
        isolation="process",
        transcriber=TranscriberConfig(beam_size=1),
        synthesizers=(ESPEAK,),
    )
    async with voice_service(model_store, hearing) as service:
        heard = [one async for one in service.transcribe_live(pieces(audio), language="en")]
    assert any(not one.final for one in heard)
    assert heard[-1].final
    finals = " ".join(one.transcript.text for one in heard if one.final)
    assert "grandmother" in finals


async def test_a_server_speaks_with_an_emotion_and_one_at_a_time(model_store, double, tmp_path):
    async with voice_service(model_store, config(double, tmp_path)) as service:
        said = await asyncio.gather(
            *(say(service, f"Number {n}. Good.", "en", VoiceStyle(emotion="joy")) for n in range(3))
        )
        assert all(chunks[0].rate == RATE for chunks in said)
        assert len(double.requests) == 6
        assert double.most_in_flight == 1
        assert {one["ref_audio_path"] for one in double.requests} == {"/srv/voices/joy.wav"}
        markup = SpeechMarkup.parse('Hm.<break time="1s"/><emotion name="joy">Yes!</emotion>')
        spoken = await say(service, markup, "en")
        assert [one["text"] for one in double.requests[-2:]] == ["Hm.", "Yes!"]
        assert any(chunk.seconds == 1 for chunk in spoken)
        assert "gpt_sovits" in str((await service.health()).facts["synthesizers"])


async def test_stopping_a_reply_hangs_up_and_an_error_is_told(model_store, double, tmp_path):
    double.behaviour = "stalled"
    async with voice_service(model_store, config(double, tmp_path)) as service:
        async with service.speak("Good morning.") as chunks:
            assert (await anext(chunks)).seconds > 0
        assert await asyncio.to_thread(double.hung_up.wait, 20)
        double.behaviour = "silent"
        with pytest.raises(SpeechServerError, match="one second of silence"):
            await say(service, "Good morning.", "en")
        double.behaviour = "speak"
        assert await say(service, "Good morning.", "en")


async def test_a_server_without_an_address_is_a_mistake_in_the_settings(model_store):
    wrong = VoiceConfig(synthesizers=(SynthesizerConfig(engine="gpt_sovits", languages=("en",)),))
    with pytest.raises(ConfigError, match="needs server"):
        async with voice_service(model_store, wrong):
            pass
