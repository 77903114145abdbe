"""The mood that a personality rests in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion.circumplex import near
from xy_core.modules.emotion.config import PersonalityConfig
from xy_core.modules.emotion.personality import baseline
from xy_core.modules.emotion.types import NEUTRAL_ONLY, VALENCE_AROUSAL, Emotion, place

traits = st.floats(-1, 1)


@given(st.builds(PersonalityConfig, extraversion=traits, agreeableness=traits, stability=traits))
def test_every_baseline_is_a_distribution(personality):
    shares = baseline(personality)
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= 0


def test_no_traits_rest_in_neutral():
    assert baseline(PersonalityConfig()) == NEUTRAL_ONLY


def test_a_kind_person_rests_in_better_spirits_than_an_anxious_one():
    kind = place(baseline(PersonalityConfig(extraversion=1, agreeableness=1, stability=0.5)))
    anxious = place(baseline(PersonalityConfig(stability=-1)))
    assert kind[0] > 0.1
    assert anxious[0] < 0 < anxious[1]


@pytest.mark.parametrize("emotion", Emotion)
def test_at_its_own_place_an_emotion_is_the_likeliest(emotion):
    shares = near(*VALENCE_AROUSAL[emotion], 0.3, 0.3)
    assert max(shares, key=lambda one: shares[one]) is emotion


def test_a_wide_spread_says_nothing():
    shares = near(0.7, 0.5, 100, 100)
    assert max(shares.values()) - min(shares.values()) < 1e-3
