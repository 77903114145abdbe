"""SSML-lite: what is understood, what is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.errors import MarkupError
from xy_core.modules.voice import SpeechMarkup, VoiceStyle
from xy_core.modules.voice.markup import LONGEST_PAUSE, Pause, Said


def said(markup, style=None):
    (piece,) = SpeechMarkup.parse(markup, style).pieces
    assert isinstance(piece, Said)
    return piece


@pytest.mark.parametrize(
    ("marks", "style"),
    [
        ('rate="slow"', VoiceStyle(rate=0.75)),
        ('rate="+20%"', VoiceStyle(rate=1.2)),
        ('rate="120%"', VoiceStyle(rate=1.2)),
        ('rate="1.2"', VoiceStyle(rate=1.2)),
        ('rate="900%"', VoiceStyle(rate=2.0)),
        ('pitch="-2st"', VoiceStyle(pitch=-2)),
        ('pitch="+50%"', VoiceStyle(pitch=6)),
        ('pitch="x-high"', VoiceStyle(pitch=6)),
        ('volume="-20dB"', VoiceStyle(energy=0.1)),
        ('volume="soft"', VoiceStyle(energy=0.7)),
        ('rate="fast" pitch="low" volume="loud"', VoiceStyle(1.25, -3, 1.4)),
    ],
)
def test_prosody(marks, style):
    piece = said(f"<prosody {marks}>Hi</prosody>")
    assert piece.text == "Hi"
    assert (piece.style.rate, piece.style.pitch, piece.style.energy) == pytest.approx(
        (style.rate, style.pitch, style.energy)
    )


def test_marks_inside_marks_add_up():
    markup = '<prosody rate="1.2"><prosody rate="1.2" pitch="1st">a</prosody></prosody>'
    assert said(markup, VoiceStyle(pitch=1)).style.rate == pytest.approx(1.44)
    assert said(markup, VoiceStyle(pitch=1)).style.pitch == 2


@pytest.mark.parametrize(
    "markup",
    [
        '<emotion name="joy">a</emotion>',
        '<mstts:express-as style="cheerful">a</mstts:express-as>',
        '<express-as style="Cheerful">a</express-as>',
    ],
)
def test_emotions(markup):
    assert said(markup).style.emotion == "joy"


@pytest.mark.parametrize(
    ("marks", "seconds"),
    [
        ('time="400ms"', 0.4),
        ('time="1.5s"', 1.5),
        ('time="3600s"', LONGEST_PAUSE),
        ('strength="weak"', 0.2),
        ("", 0.4),
    ],
)
def test_pauses(marks, seconds):
    pieces = SpeechMarkup.parse(f"<speak>a<break {marks}/>b</speak>").pieces
    assert pieces[1] == Pause(seconds)
    assert [piece.text for piece in pieces[::2]] == ["a", "b"]


@pytest.mark.parametrize(
    ("markup", "why"),
    [
        ("<speak>a", "not well-formed"),
        ("a < b", "not well-formed"),
        ("&nbsp;", "not well-formed"),
        ("<voice name='x'>a</voice>", "<voice> is unknown"),
        ("<prosody rate='quick'>a</prosody>", "rate 'quick'"),
        ("<prosody range='1'>a</prosody>", "has no range"),
        ("<prosody pitch='high!'>a</prosody>", "pitch 'high!'"),
        ("<break time='soon'/>", "break time 'soon'"),
        ("<break strength='much'/>", "break strength 'much'"),
        ("<emotion>a</emotion>", "<emotion> needs name"),
        ("<s>" * 40 + "</s>" * 40, "over 16 deep"),
        ("a" * 20_001, "over the limit"),
        (
            '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaa">]><speak>&a;</speak>',
            "document type",
        ),
        ('<?xml version="1.0"?><!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak/>', "document"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(markup, why):
    with pytest.raises(MarkupError, match=why) as caught:
        SpeechMarkup.parse(markup)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet=st.sampled_from("<>/speakbrmotinydx &;\"'=\n\x00\ud800你%1"), max_size=80))
def test_any_text_is_understood_or_refused(markup):
    with contextlib.suppress(MarkupError):
        SpeechMarkup.parse(markup)
