"""One decision about the agent's mood, for all the ways in which it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xy_core.agent.manners import FRIENDLY, REASSURING, Manner, manner
from xy_core.agent.policy import POLICIES, Policy
from xy_core.modules.emotion import Affect, Emotion, EmotionReading
from xy_core.modules.voice import VoiceStyle

_LINGERING = 0.4
"""Share of the mood from which a feeling still colours the answer to what shows none."""


@dataclass(frozen=True, slots=True)
class Expression:
    """How the agent shows itself in one turn; text, voice, face and picture all follow it.

    Attributes:
        emotion: what the agent shows, which need not be what the user feels.
        directive: how to write, one phrase in the language of the reply, for the prompt.
        voice: how to speak.
        avatar: weights of the face's expressions, 0 to 1.
        image_mood: words for an image generator's prompt, in English.
        policy: why: what the agent does about the user's feeling.
        openings: first sentences in this mood, in the language of the reply; none if any will do.
    """

    emotion: Emotion
    directive: str
    voice: VoiceStyle
    avatar: Mapping[str, float]
    image_mood: str
    policy: Policy = Policy.MIRROR
    openings: tuple[str, ...] = ()

    def image_prompt(self, subject: str) -> str:
        """Return a prompt for an image generator that shows the subject in this mood."""
        return f"{subject.strip()}, {self.image_mood}" if subject.strip() else self.image_mood

    def as_json(self) -> dict[str, Any]:
        """Return the expression as plain JSON types."""
        return {
            "emotion": self.emotion.value,
            "policy": self.policy.value,
            "directive": self.directive,
            "voice": {
                "rate": self.voice.rate,
                "pitch": self.voice.pitch,
                "energy": self.voice.energy,
            },
            "avatar": {name: round(weight, 3) for name, weight in self.avatar.items()},
            "image_mood": self.image_mood,
        }


def express(
    reading: EmotionReading,
    language: str,
    mood: Affect | None = None,
    policies: Mapping[Emotion, Policy] = POLICIES,
) -> Expression:
    """Decide how to answer what the user feels.

    An unsure reading is answered as neutral: a wrong strong emotion does more harm than none. A
    strong mood that lingers from earlier turns still colours voice and picture then.
    The strength of all outputs follows the reading's intensity.

    Args:
        reading: what the user seems to feel now.
        language: of the reply, ``en`` or ``zh``.
        mood: what the user's feelings add up to; without one nothing lingers.
        policies: what to do about each feeling; the default where one is missing.
    """
    felt = Emotion.NEUTRAL if reading.unsure else reading.top
    policy = policies.get(felt, POLICIES[felt])
    shown = manner(policy, felt)
    if shown is not FRIENDLY:
        return _expression(shown, shown, policy, language, 0.5 + 0.5 * reading.intensity)
    if mood is None or mood.top is Emotion.NEUTRAL or mood.probabilities[mood.top] < _LINGERING:
        return _expression(FRIENDLY, FRIENDLY, policy, language, 1.0)
    lingering = manner(policies.get(mood.top, POLICIES[mood.top]), mood.top)
    return _expression(FRIENDLY, lingering, policy, language, 0.5 * mood.probabilities[mood.top])


def express_fully(emotion: Emotion, language: str = "en") -> Expression:
    """Return the expression of somebody who shows an emotion fully."""
    shares = {one: float(one is emotion) for one in Emotion}
    reading = EmotionReading.of(shares, unsure_below=0.0)
    return express(reading, language, policies={emotion: Policy.MIRROR})


def voice_in(emotion: Emotion) -> VoiceStyle:
    """Return how a voice sounds that shows an emotion fully."""
    return express_fully(emotion).voice


def express_care(language: str) -> Expression:
    """Return the expression of the careful path: calm, near, and the same for everybody."""
    return _expression(REASSURING, REASSURING, Policy.SOOTHE, language, 1.0)


def _expression(
    shown: Manner, tone: Manner, policy: Policy, language: str, strength: float
) -> Expression:
    """Put an expression together: words and face of one manner, voice and picture of another."""
    weight = 0.0 if shown.emotion is Emotion.NEUTRAL else strength
    return Expression(
        emotion=shown.emotion,
        directive=shown.directive[language],
        voice=VoiceStyle(
            rate=round(1 + (tone.rate - 1) * strength, 3),
            pitch=round(tone.pitch * strength, 3),
            energy=round(1 + (tone.energy - 1) * strength, 3),
            emotion=tone.emotion.value,
        ),
        avatar={shown.emotion.value: weight, Emotion.NEUTRAL.value: 1.0 - weight}
        if weight
        else {Emotion.NEUTRAL.value: 1.0},
        image_mood=tone.image_mood,
        policy=policy,
        openings=shown.openings[language],
    )
