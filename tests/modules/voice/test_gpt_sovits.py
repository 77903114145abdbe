"""The GPT-SoVITS client against a double that speaks its contract on a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.modules.voice.gpt_sovits_double import RATE, SECONDS, SovitsDouble, tone, wav
from tests.modules.voice.test_references import BANK
from tests.modules.voice.test_references import tone as recording
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import BackendError, SpeechServerError, TaskCancelled
from xy_core.modules.voice import VoiceStyle, write_wav
from xy_core.modules.voice.backends.gpt_sovits import GptSovitsSynthesizer
from xy_core.modules.voice.backends.sovits_stream import read_sound
from xy_core.modules.voice.config import SpeechServerConfig


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    write_wav(folder / "neutral.wav", recording(4))
    write_wav(folder / "joy.wav", recording(5))
    (folder / "voices.toml").write_text(BANK)
    return folder / "voices.toml"


@pytest.fixture
def double():
    running = SovitsDouble()
    with contextlib.closing(running):
        yield running


@pytest.fixture
def speaker(double, references):
    def make(**options):
        config = SpeechServerConfig(url=double.url, references=references, **options)
        engine = GptSovitsSynthesizer(config)
        engine.load()
        return engine

    return make


def say(engine, text="Good morning.", style=None, language="en"):
    return list(engine.synthesize(text, language, style or VoiceStyle()))


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_it_speaks_in_every_mode_at_the_servers_rate(speaker, double, mode):
    chunks = say(speaker(mode=mode))
    assert {chunk.rate for chunk in chunks} == {RATE}
    seconds = sum(chunk.seconds for chunk in chunks)
    assert seconds == pytest.approx(SECONDS if mode == 0 else 2 * (SECONDS + 0.3), abs=1e-3)
    assert max(np.abs(chunk.samples).max() for chunk in chunks) == pytest.approx(0.244, abs=0.01)
    assert double.requests[0]["streaming_mode"] == mode


def test_an_emotion_is_a_reference_and_languages_are_lower_case(speaker, double):
    say(speaker(), style=VoiceStyle(rate=1.2, emotion="joy"), language="EN")
    (request,) = double.requests
    assert request["ref_audio_path"] == "/srv/voices/joy.wav"
    assert (request["prompt_text"], request["prompt_lang"]) == ("What a lovely day.", "en")
    assert (request["text"], request["text_lang"]) == ("Good morning.", "en")
    assert request["speed_factor"] == 1.2


def test_pitch_and_energy_are_made_here_without_a_joint(speaker):
    style = VoiceStyle(pitch=3, energy=0.5)
    samples = np.concatenate([chunk.samples for chunk in say(speaker(), style=style)])
    assert np.abs(samples).max() == pytest.approx(0.122, abs=0.01)
    assert np.abs(np.diff(samples)).max() < 0.02


@pytest.mark.parametrize("text", ["", "😀", "**...**", "https://example.com"])
def test_what_cannot_be_said_is_not_sent(speaker, double, text):
    assert say(speaker(), text) == []
    assert double.requests == []


@pytest.mark.parametrize(
    ("behaviour", "mode", "why", "heard"),
    [
        ("failed", 0, r"status 400.*tts failed: reference not found", 0),
        ("failed", 1, "reference not found", 0),
        ("silent", 0, "one second of silence", 0),
        ("silent", 1, "one second of silence", 0),
        ("late silence", 1, "went on with silence", SECONDS + 0.5),
        ("broken", 2, "broke off", SECONDS),
        ("half a sample", 1, "within a sample", SECONDS),
        ("html", 0, "no WAV file", 0),
        ("nothing", 0, "sent nothing", 0),
        ("header", 1, "no sound", 0),
        ("stereo", 0, "2 channels", 0),
        ("odd rate", 0, "12345 Hz", 0),
    ],
)
def test_what_goes_wrong_is_one_error_after_what_was_said(  # noqa: PLR0917
    speaker, double, behaviour, mode, why, heard
):
    double.behaviour = behaviour
    engine = speaker(mode=mode)
    chunks = []
    with pytest.raises(SpeechServerError, match=why) as caught:
        chunks.extend(engine.synthesize("Good morning.", "en", VoiceStyle()))
    assert "\n" not in str(caught.value)
    # A list takes over what a generator yielded before it raised, so nothing heard is lost.
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(heard, abs=1e-3)
    double.behaviour = "speak"
    assert say(engine)


def test_samples_may_be_cut_anywhere(speaker, double):
    double.behaviour = "bytes"
    samples = np.concatenate([chunk.samples for chunk in say(speaker())])
    assert np.array_equal(samples, tone(0.02).astype(np.float32) / 32_768)


def test_a_server_that_is_not_there_is_named(references):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        engine = GptSovitsSynthesizer(SpeechServerConfig(url=url, references=references))
        engine.load()
        with pytest.raises(SpeechServerError, match=r"api_v2\.py"):
            say(engine)


@pytest.mark.parametrize("behaviour", ["slow", "stalled"])
def test_a_server_that_says_nothing_more_is_given_up(speaker, double, behaviour):
    double.behaviour = behaviour
    with pytest.raises(SpeechServerError, match=r"sent nothing for 0\.2 s"):
        say(speaker(silence_timeout=0.2))


def test_one_request_is_in_flight_and_the_others_wait(speaker, double):
    engine = speaker()
    with ThreadPoolExecutor(5) as pool:
        said = list(pool.map(lambda _: say(engine), range(5)))
    assert all(said)
    assert double.most_in_flight == 1


@pytest.mark.parametrize("behaviour", ["slow", "stalled"])
def test_a_cancelled_request_hangs_up_at_once(speaker, double, behaviour):
    double.behaviour = behaviour
    engine, token, ended = speaker(), CancelToken(), []

    def work():
        current_token.set(token)
        try:
            say(engine)
        except TaskCancelled:
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    assert double.begun.wait(20)
    token.cancel()
    thread.join(20)
    assert ended == [True]
    double.go_on.set()
    double.behaviour = "speak"
    assert say(engine)


def test_one_that_waits_for_its_turn_can_be_cancelled(speaker, double):
    double.behaviour = "slow"
    engine, token = speaker(), CancelToken()
    first = threading.Thread(target=say, args=(engine,))
    first.start()
    assert double.begun.wait(20)
    token.cancel()
    before = current_token.set(token)
    with pytest.raises(TaskCancelled):
        say(engine)
    current_token.reset(before)
    double.go_on.set()
    first.join(20)
    assert len(double.requests) == 1


def test_closing_the_chunks_hangs_up(speaker, double):
    double.behaviour = "stalled"
    chunks = speaker().synthesize("Good morning.", "en", VoiceStyle())
    assert next(chunks).seconds > 0
    chunks.close()
    assert double.hung_up.wait(20)


def test_it_is_restarted_after_so_many_requests(speaker, double):
    engine = speaker(restart_after=2)
    for _ in range(5):
        assert say(engine)
    assert double.restarts == 2
    assert len(double.requests) == 5


def test_one_that_does_not_come_back_is_named(speaker, double, monkeypatch):
    engine = speaker(restart_after=1, restart_timeout=0.1, connect_timeout=0.5)
    assert say(engine)
    monkeypatch.setattr(double, "restart", double.close)
    threading.Thread(target=double.close).start()
    with pytest.raises(SpeechServerError, match="is not back"):
        say(engine)
    double._listen()


def test_it_refuses_until_its_voices_are_loaded(references):
    engine = GptSovitsSynthesizer(SpeechServerConfig(references=references))
    with pytest.raises(BackendError, match="not loaded"):
        say(engine)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_bytes_are_sound_or_one_error(data):
    whole = wav(tone(0.01).tobytes())
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(max_size=20))
    mutated = whole[:at] + noise + whole[at + data.draw(st.integers(0, 40)) :]
    size = data.draw(st.integers(1, 60))
    pieces = (mutated[start : start + size] for start in range(0, len(mutated), size))
    with contextlib.suppress(SpeechServerError):
        for sound in read_sound(pieces, silence=0.3):
            assert np.isfinite(sound.samples).all()
