"""One representation of an input: who says what, how surely, and what does not fit."""

from __future__ import annotations

import dataclasses

import pytest

from xy_core.agent import Percept, express
from xy_core.agent.claims import Source
from xy_core.agent.prompt import build_messages
from xy_core.modules.emotion import Emotion, EmotionReading, Evidence, Modality
from xy_core.modules.vision import SceneFacts, TextLine
from xy_core.modules.voice import Transcript, TranscriptSegment

READING = EmotionReading.nothing()
PLAIN = Percept("I am fine.", "en", None, None, READING, (), typed="I am fine.")


def felt(modality: Modality, emotion: Emotion, confidence: float) -> Evidence:
    shares = {one: 0.7 if one is emotion else 0.05 for one in Emotion}
    return Evidence(modality, shares, confidence)


def scene(*texts: str, confidence: float = 0.9) -> SceneFacts:
    return SceneFacts(8, 8, tuple(TextLine(text, confidence, ()) for text in texts), (), 0.5)


def heard(text: str, confidence: float) -> Transcript:
    return Transcript(text, "en", (TranscriptSegment(text, 0.0, 1.0, confidence),))


def asked(percept: Percept) -> str:
    return build_messages(percept, express(READING, percept.language), (), "Xiaoyu")[-1].content


def test_each_claim_says_where_it_comes_from_and_how_sure_it_is():
    percept = dataclasses.replace(
        PLAIN,
        transcript=heard("Look at this.", 0.8),
        facts=scene("OPEN"),
        evidence=(felt(Modality.VOICE, Emotion.SADNESS, 0.6),),
    )
    claims = [(claim.source, claim.text, claim.confidence) for claim in percept.claims]
    assert claims == [
        (Source.TYPED, "I am fine.", 1.0),
        (Source.SAID, "Look at this.", pytest.approx(0.8)),
        (Source.PICTURE, "OPEN", 0.9),
        (Source.VOICE, "sadness", 0.6),
    ]
    assert "(typed) I am fine.\n(said aloud) Look at this." in asked(percept)


@pytest.mark.parametrize("modality", [Modality.VOICE, Modality.FACE])
@pytest.mark.parametrize(("language", "sad"), [("en", "sad"), ("zh", "难过")])
def test_fine_words_with_a_sad_voice_are_told(modality, language, sad):
    evidence = (felt(Modality.TEXT, Emotion.NEUTRAL, 0.1), felt(modality, Emotion.SADNESS, 0.6))
    percept = dataclasses.replace(PLAIN, language=language, evidence=evidence)
    note, words = asked(percept).split("\n")
    assert sad in note
    assert words == "I am fine."
    weak = (evidence[0], felt(modality, Emotion.SADNESS, 0.1))
    assert asked(dataclasses.replace(percept, evidence=weak)) == "I am fine."


def test_what_agrees_is_not_told():
    evidence = (felt(Modality.TEXT, Emotion.JOY, 0.9), felt(Modality.VOICE, Emotion.JOY, 0.9))
    assert asked(dataclasses.replace(PLAIN, evidence=evidence)) == "I am fine."


@pytest.mark.parametrize(
    ("said", "sign", "against"),
    [
        ("The shop is open, right?", "CLOSED", True),
        ("这家店开门了吗", "今日休息", True),
        ("The bus leaves at 10:30.", "Departure 11:45", True),
        ("The shop is open.", "OPEN", False),
        ("Is it open or closed?", "CLOSED", False),
        ("The bus leaves at 11:45.", "Departure 11:45", False),
        ("I am 9 years old.", "Departure 11:45", False),
        ("I was reopening it.", "CLOSED", False),
    ],
)
def test_a_sign_that_says_otherwise_is_told(said, sign, against):
    percept = dataclasses.replace(PLAIN, words=said, typed=said, facts=scene(sign))
    assert bool(percept.contradictions) == against
    assert ("but the picture reads" in asked(percept)) == against
    doubtful = dataclasses.replace(percept, facts=scene(sign, confidence=0.1))
    assert not doubtful.contradictions


def test_what_was_heard_badly_is_told():
    percept = dataclasses.replace(PLAIN, words="mumble", typed="", transcript=heard("mumble", 0.1))
    assert asked(percept) == "(Heard unclearly; ask if it matters.)\nmumble"
    clear = dataclasses.replace(percept, transcript=heard("mumble", 0.9))
    assert asked(clear) == "mumble"


@pytest.mark.parametrize("hostile", ["{one}", "%s", "{", "\x00", "9" * 5_000])
def test_hostile_words_are_only_words(hostile):
    words = f"open {hostile}"
    percept = dataclasses.replace(PLAIN, words=words, typed=words, facts=scene("closed {0}"))
    assert len(percept.contradictions) == 1
    assert asked(percept).endswith(words)
