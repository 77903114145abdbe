"""How a text becomes lines, and what a wrong sound is called."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from xy_core.core.errors import AudioError
from xy_core.modules.voice import Audio, SpeechMarkup, VoiceStyle, read_audio
from xy_core.modules.voice.markup import Pause
from xy_core.modules.voice.script import write_script
from xy_core.modules.voice.transcript import agreement


def lines(text, language="en"):
    script = write_script(text, language, VoiceStyle(), lambda code: code)
    return [line.seconds if isinstance(line, Pause) else (line.voice, line.text) for line in script]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("One. Two!", [("en", "One."), ("en", "Two!")]),
        ("It says 你好！ Right.", [("en", "It says"), ("zh", "你好"), ("en", "Right.")]),
        ("😀 **", []),
        ("", []),
        (SpeechMarkup.parse('a<break time="1s"/>b'), [("en", "a"), 1.0, ("en", "b")]),
        ("<speak>not markup</speak>", [("en", "speak not markup /speak")]),
    ],
)
def test_lines(text, said):
    assert lines(text) == said


@pytest.mark.parametrize(
    ("before", "now", "same"), [("", "a", 0), ("ab", "ac", 1), ("ab", "abc", 2), ("b", "a", 0)]
)
def test_agreement(before, now, same):
    assert agreement(before, now) == same


@pytest.mark.parametrize(
    "make",
    [
        lambda: Audio(np.array([np.nan], np.float32), 16_000),
        lambda: Audio(np.zeros((4, 2), np.float32), 16_000),
        lambda: Audio(np.zeros(4, np.float32), 0),
        lambda: Audio(np.zeros(4, np.float32), -1),
        lambda: Audio(np.array([2**40], np.int64), 16_000),
        lambda: Audio(np.array([1e300]), 16_000),
    ],
    ids=["nan", "stereo", "0 Hz", "-1 Hz", "integers", "overflow"],
)
def test_what_is_no_sound_is_one_error(make):
    with np.errstate(over="ignore"), pytest.raises(AudioError):
        make()


def encoded(form):
    buffer = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(4_000) / 20)
    soundfile.write(buffer, tone, 16_000, format=form)
    return buffer.getvalue()


FILES = {form: encoded(form) for form in ("WAV", "FLAC", "OGG", "MP3")}


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_truncated_and_mutated_files_are_sound_or_one_error(tmp_path_factory, form, data):
    whole = bytearray(FILES[form])
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("fuzz") / f"a.{form.lower()}"
    path.write_bytes(whole[:cut])
    with contextlib.suppress(AudioError):
        audio = read_audio(path, max_seconds=5)
        assert np.isfinite(audio.samples).all()
        assert audio.seconds <= 5
