"""What every engine that speaks must do: the same tests over each."""

from __future__ import annotations

import contextlib
import functools

import numpy as np
import pytest

from tests.modules.held import TIMES, nothing_left
from tests.modules.voice.gpt_sovits_double import SovitsDouble
from tests.modules.voice.test_references import BANK
from tests.modules.voice.test_references import tone as recording
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import BackendError, TaskCancelled
from xy_core.modules.voice import Audio, SpeechMarkup, VoiceStyle, write_wav
from xy_core.modules.voice.backends.espeak import EspeakSynthesizer
from xy_core.modules.voice.backends.gpt_sovits import GptSovitsSynthesizer
from xy_core.modules.voice.backends.kokoro import KokoroSynthesizer
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.modules.voice.config import SpeechServerConfig
from xy_core.modules.voice.script import perform, write_script

ENGINES = [
    pytest.param(("piper", "en"), marks=pytest.mark.models),
    pytest.param(("kokoro", "en"), marks=pytest.mark.models),
    pytest.param(("kokoro", "zh"), marks=pytest.mark.models),
    ("espeak", "en"),
    ("espeak", "zh"),
    ("gpt_sovits", "zh"),
]
TEXTS = {"en": "Good morning.", "zh": "早上好。"}
ODD = ["1", "?!", "你好 hello", "\u200b", "é̂ ß"]


@pytest.fixture(scope="module")
def server():
    running = SovitsDouble()
    with contextlib.closing(running):
        yield running


def make(kind, request, tmp_path_factory):
    if kind == "espeak":
        return EspeakSynthesizer()
    if kind == "gpt_sovits":
        folder = tmp_path_factory.mktemp("voices")
        write_wav(folder / "neutral.wav", recording(4))
        write_wav(folder / "joy.wav", recording(5))
        (folder / "voices.toml").write_text(BANK)
        url = request.getfixturevalue("server").url
        return GptSovitsSynthesizer(SpeechServerConfig(url=url, references=folder / "voices.toml"))
    store = request.getfixturevalue("model_store")
    if kind == "kokoro":
        return KokoroSynthesizer(store.get("kokoro-82m-int8").directory, ("jf_nezumi",), 1)
    return PiperSynthesizer(store.get("piper-en-joe").file("en_US-joe-medium.onnx"), 1)


@pytest.fixture(scope="module", params=ENGINES, ids="-".join)
def fresh(request, tmp_path_factory):
    """An engine that is not loaded."""
    made = functools.partial(make, request.param[0], request, tmp_path_factory)
    made.kind, made.language = request.param
    return made


@pytest.fixture(scope="module")
def voice(fresh):
    kind, language = fresh.kind, fresh.language
    engine = fresh()
    with pytest.raises(BackendError, match="not loaded"):
        list(engine.synthesize(TEXTS[language], language, VoiceStyle()))
    engine.load()
    engine.load()

    def say(text=TEXTS[language], style=None):
        return list(engine.synthesize(text, language, style or VoiceStyle()))

    say.engine, say.kind, say.language = engine, kind, language
    say.plain = say()
    yield say
    engine.close()
    engine.close()
    with pytest.raises(BackendError, match="not loaded"):
        list(engine.synthesize(TEXTS[language], language, VoiceStyle()))


def test_it_speaks(voice):
    assert len({chunk.rate for chunk in voice.plain}) == 1
    whole = Audio.concat(voice.plain)
    assert 0.3 < whole.seconds < 6
    assert 0.05 < np.abs(whole.samples).max() <= 1.0


def test_energy_makes_it_softer(voice):
    loud, soft = (
        np.sqrt(np.mean(Audio.concat(chunks).samples ** 2))
        for chunks in (voice.plain, voice(style=VoiceStyle(energy=0.25)))
    )
    assert soft == pytest.approx(loud / 4, rel=0.3)


def test_pitch_moves_the_voice_but_not_its_length(voice):
    plain, high = Audio.concat(voice.plain), Audio.concat(voice(style=VoiceStyle(pitch=6)))
    if voice.kind != "gpt_sovits":  # the double's tone does not heed speed_factor
        assert high.seconds == pytest.approx(plain.seconds, rel=0.4)
    assert _centre(high) > _centre(plain)


def test_rate_makes_it_shorter(voice, request):
    fast = Audio.concat(voice(style=VoiceStyle(rate=1.6)))
    if voice.kind == "gpt_sovits":
        assert request.getfixturevalue("server").requests[-1]["speed_factor"] == 1.6
    else:
        assert fast.seconds < Audio.concat(voice.plain).seconds


def test_odd_text_never_breaks_it(voice):
    for text in ODD:
        for chunk in voice(text):
            assert np.isfinite(chunk.samples).all()


def test_markup_reaches_it_and_cancelling_ends_within_a_chunk_and_leaves_nothing(voice):
    sentence = TEXTS[voice.language]
    markup = SpeechMarkup.parse(f'{sentence}<break time="300ms"/>' * 3)
    script = write_script(markup, voice.language, VoiceStyle(), lambda _: voice.engine)

    def use():
        token, heard = CancelToken(), []
        before = current_token.set(token)
        try:
            with pytest.raises(TaskCancelled):
                heard.extend(_cancelling(perform(script), token))
        finally:
            current_token.reset(before)
        assert 1 <= len(heard) <= 5  # GPT-SoVITS: what was under way from one sentence

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()


def test_opening_and_closing_leaves_nothing(fresh):
    def use():
        made = fresh()
        made.load()
        list(made.synthesize(TEXTS[fresh.language], fresh.language, VoiceStyle()))
        chunks = made.synthesize(TEXTS[fresh.language], fresh.language, VoiceStyle())
        next(chunks)  # closed in the middle
        chunks.close()
        made.close()

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()


def _cancelling(chunks, token):
    for chunk in chunks:
        token.cancel()
        yield chunk


def _centre(audio):
    """The spectral centroid below 4 kHz, in hertz."""
    spectrum = np.abs(np.fft.rfft(audio.samples))
    hertz = np.fft.rfftfreq(len(audio.samples), 1 / audio.rate)
    below = hertz < 4_000
    return float((spectrum[below] * hertz[below]).sum() / spectrum[below].sum())
