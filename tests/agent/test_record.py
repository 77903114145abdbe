"""A turn's events and its record: plain JSON, and complete."""

from __future__ import annotations

import json

import numpy as np
import pytest

from xy_core.agent import (
    Checked,
    CrisisNoticed,
    Expressed,
    Felt,
    Heard,
    Informed,
    Note,
    Painted,
    PartFailed,
    Remembered,
    ReplyToken,
    Seen,
    SentenceWritten,
    Spoken,
    ToolCalled,
    ToolReturned,
    TurnDone,
    TurnEvent,
    TurnFailed,
    TurnRecord,
    express,
)
from xy_core.agent.consistency import check
from xy_core.core.errors import BackendError, ModelNotInstalledError
from xy_core.modules.emotion import Affect, CrisisSign, Emotion, EmotionReading, Evidence
from xy_core.modules.image import Generated
from xy_core.modules.llm import ToolCall
from xy_core.modules.memory import Memory, Recalled
from xy_core.modules.vision import ColourShare, SceneFacts, TextLine
from xy_core.modules.voice import Audio, Transcript

JOY = EmotionReading(dict.fromkeys(Emotion, 0.0) | {Emotion.JOY: 1.0}, 1.0, unsure=False)
LINE = TextLine("TEA", 0.91234, ((0.0, 0.0), (9.0, 0.0), (9.0, 4.0), (0.0, 4.0)))
CALL = ToolCall("call_1", "home__weather", '{"city": "Oslo"}')
EVENTS: tuple[TurnEvent, ...] = (
    Heard(Transcript("hello", "en")),
    Seen(SceneFacts(9, 4, (LINE,), (ColourShare("red", 1.0),), 0.5)),
    Felt(JOY, Affect.neutral(), [Evidence.of_text(JOY)]),
    CrisisNoticed(CrisisSign("wish_to_die", "i want to die")),
    Remembered([Recalled(Memory("user", "I like tea", "me", 0.0), 0.0312345)]),
    Expressed(express(JOY, "en")),
    Painted("a boat", Generated(0, np.zeros((8, 16, 3), np.uint8), 7)),
    ReplyToken("Good "),
    ReplyToken("day. "),
    SentenceWritten(0, "Good day. "),
    Spoken(0, Audio.silence(0.25, 16_000)),
    Checked(check(express(JOY, "en"), JOY, corrected=True)),
    ToolCalled(CALL),
    ToolReturned(CALL, "It rains.", failed=False),
    PartFailed("voice", BackendError("the voice is hoarse")),
    Spoken(1, Audio.silence(0.25, 8_000)),
    Informed((Note("clock", "It is noon."),)),
    TurnDone("Good day.", "en", {"done": 1.0}),
)


def record(*events: TurnEvent) -> TurnRecord:
    made = TurnRecord()
    for event in events:
        made.add(event)
    return made


@pytest.mark.parametrize("event", [*EVENTS, TurnFailed(BackendError("no"))], ids=lambda e: e.kind)
def test_each_event_is_plain_json_with_its_kind(event):
    shown = event.as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["event"] == type(event).kind


def test_no_two_events_share_a_kind():
    kinds = {event.__name__: event.kind for event in TurnEvent.__subclasses__()}
    assert len(set(kinds.values())) == len(kinds)
    assert set(kinds.values()) == {event.kind for event in EVENTS} | {"error"}


def test_a_record_is_plain_json_and_complete():
    shown = record(*EVENTS).as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["reply"] == "Good day."
    assert shown["language"] == "en"
    assert shown["transcript"] == {"text": "hello", "language": "en"}
    assert shown["vision"]["lines"][0]["text"] == "TEA"
    assert shown["emotion"]["top"] == "joy"
    assert shown["emotion"]["mood"]["probabilities"]["neutral"] == 1
    assert shown["emotion"]["evidence"][0]["modality"] == "text"
    assert shown["crisis"] == {"kind": "wish_to_die", "words": "i want to die"}
    assert shown["consistency"]["agrees"] is True
    assert shown["consistency"]["corrected"] is True
    assert shown["memory"]["memories"] == [{"text": "I like tea", "score": 0.0312}]
    assert shown["expression"]["directive"] == "joyful and warm"
    assert shown["audio_seconds"] == 0.5
    assert shown["failed_parts"] == [{"part": "voice", "error": "the voice is hoarse"}]
    assert shown["tools"][0]["tool"] == "home__weather"
    assert shown["tools"][0]["text"] == "It rains."
    assert shown["seconds"] == {"done": 1.0}
    assert shown["error"] is None


def test_a_turn_without_anything_has_every_key_too():
    assert record().as_json().keys() == record(*EVENTS).as_json().keys()
    assert record().audio is None
    assert record().as_json()["audio_seconds"] is None


def test_the_speech_is_joined_at_the_rate_of_its_beginning():
    audio = record(*EVENTS).audio
    assert audio is not None
    assert (audio.rate, audio.seconds) == (16_000, 0.5)


def test_a_failed_turn_keeps_its_error_and_what_was_written():
    failed = record(ReplyToken("Good "), TurnFailed(ModelNotInstalledError("toy")))
    assert failed.reply == "Good "
    assert isinstance(failed.error, ModelNotInstalledError)
    assert "xy-core models pull toy" in failed.as_json()["error"]
