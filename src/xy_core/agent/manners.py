"""The manners that the agent has: how each looks in words, voice, face and picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xy_core.agent.policy import Policy
from xy_core.modules.emotion import Emotion


@dataclass(frozen=True, slots=True)
class Manner:
    """One manner at full strength.

    Rate, pitch and energy follow what listeners take for the emotion (Scherer 2003, "Vocal
    communication of emotion", table 2): joy is faster, higher and louder, sadness and comfort
    slower, lower and softer, anger faster and louder.

    Attributes:
        emotion: what it shows.
        directive: how to write, one phrase, by language.
        rate: of speech, as a multiple of the voice's own.
        pitch: in semitones above the voice's own.
        energy: loudness, as a multiple of the voice's own.
        image_mood: words for an image generator's prompt.
        openings: first sentences in this manner, by language; they fit anything that was said.
    """

    emotion: Emotion
    directive: Mapping[str, str]
    rate: float
    pitch: float
    energy: float
    image_mood: str
    openings: Mapping[str, tuple[str, ...]]


JOYFUL = Manner(
    Emotion.JOY,
    {"en": "joyful and warm", "zh": "开心、热情"},
    1.12, 2.0, 1.1, "bright, warm sunlight",
    {
        "en": ("That is wonderful, I am so happy for you!", "How lovely, this makes me happy!",
               "Congratulations, what great news!"),
        "zh": ("太好了，我真为你高兴！", "真棒，听得我好开心！", "恭喜你，这真是太让人高兴了！"),
    },
)  # fmt: skip
GENTLE = Manner(
    Emotion.SADNESS,
    {"en": "gentle and comforting", "zh": "温柔、安慰"},
    0.88, -1.5, 0.85, "soft dusk light",
    {
        "en": ("I am so sorry, that is really sad.", "I am so sorry that you are hurting.",
               "That makes me sad for you, I am so sorry."),
        "zh": ("听到这个我也很难过。", "真让人心疼，我很难过。", "我知道你很伤心，我也很难过。"),
    },
)  # fmt: skip
SAD = Manner(
    Emotion.SADNESS,
    {"en": "quiet, sad with the user", "zh": "低落，和对方一起难过"},
    0.85, -2.0, 0.8, "grey rain, muted colours", GENTLE.openings,
)  # fmt: skip
CHEERING = Manner(
    Emotion.JOY,
    {"en": "encouraging and hopeful", "zh": "鼓励、乐观"},
    1.06, 1.0, 1.05, "sunrise, hopeful light",
    {
        "en": ("I am happy that you told me, let us find something good!",
               "I am glad to be here with you, better days are coming!"),
        "zh": ("很高兴你愿意告诉我，一定会好起来的！", "有你在我就很开心，我们一起加油！"),
    },
)  # fmt: skip
CALM = Manner(
    Emotion.NEUTRAL,
    {"en": "calm and understanding", "zh": "平静、理解"},
    0.94, -1.0, 0.9, "calm blue tones",
    {
        "en": ("Let us look at it step by step.",
               "Let us look at what happened, one step at a time."),
        "zh": ("先说说事情的经过，我们一步一步来看。", "你可以先告诉我具体的情况。"),
    },
)  # fmt: skip
REASSURING = Manner(
    Emotion.NEUTRAL,
    {"en": "reassuring and steady", "zh": "安心、鼓励"},
    0.92, -0.5, 0.9, "safe, warm light",
    {
        "en": ("Let us go through it together, one step at a time.",
               "We can make a plan for what comes next."),
        "zh": ("我在这里，先说说现在的情况。", "你可以先告诉我具体的情况。"),
    },
)  # fmt: skip
FACTUAL = Manner(
    Emotion.NEUTRAL,
    {"en": "calm and matter-of-fact", "zh": "平静、客观"},
    0.98, 0.0, 0.95, "clean, plain", CALM.openings,
)  # fmt: skip
LIVELY = Manner(
    Emotion.SURPRISE,
    {"en": "curious and lively", "zh": "好奇、活泼"},
    1.06, 1.5, 1.05, "vivid colours",
    {
        "en": ("Wow, I did not expect that!", "Oh wow, really? That is a surprise!"),
        "zh": ("哇，真的吗？太意外了！", "天哪，真没想到！"),
    },
)  # fmt: skip
INDIGNANT = Manner(
    Emotion.ANGER,
    {"en": "indignant, on the user's side", "zh": "为对方抱不平"},
    1.06, 0.5, 1.15, "stormy sky, hard contrasts",
    {
        "en": ("That makes me angry too, it is so unfair!",),
        "zh": ("听得我也很生气，太过分了！",),
    },
)  # fmt: skip
WORRIED = Manner(
    Emotion.FEAR,
    {"en": "worried together with the user", "zh": "和对方一起担心"},
    1.04, 1.0, 0.95, "dim, uneasy light",
    {
        "en": ("That is scary, I am worried too.",),
        "zh": ("这真让人害怕，我也很担心。",),
    },
)  # fmt: skip
APPALLED = Manner(
    Emotion.DISGUST,
    {"en": "put off, as the user is", "zh": "和对方一样反感"},
    0.96, -0.5, 1.0, "sickly greens",
    {
        "en": ("Ugh, that is disgusting.",),
        "zh": ("呃，真恶心，太让人反感了。",),
    },
)  # fmt: skip
FRIENDLY = Manner(
    Emotion.NEUTRAL, {"en": "friendly", "zh": "友好"}, 1.0, 0.0, 1.0, "natural light",
    {"en": (), "zh": ()},
)  # fmt: skip

_MIRRORED: Mapping[Emotion, Manner] = {
    Emotion.JOY: JOYFUL,
    Emotion.SADNESS: SAD,
    Emotion.ANGER: INDIGNANT,
    Emotion.FEAR: WORRIED,
    Emotion.SURPRISE: LIVELY,
    Emotion.DISGUST: APPALLED,
    Emotion.NEUTRAL: FRIENDLY,
}
_SOOTHED = dict.fromkeys(Emotion, CALM) | {
    Emotion.SADNESS: GENTLE,
    Emotion.FEAR: REASSURING,
    Emotion.NEUTRAL: FRIENDLY,
}
_CHEERED = dict.fromkeys(Emotion, CHEERING) | {Emotion.JOY: JOYFUL, Emotion.SURPRISE: LIVELY}
_STEADY = dict.fromkeys(Emotion, CALM) | {
    Emotion.DISGUST: FACTUAL,
    Emotion.NEUTRAL: FRIENDLY,
}
_MANNERS: Mapping[Policy, Mapping[Emotion, Manner]] = {
    Policy.MIRROR: _MIRRORED,
    Policy.SOOTHE: _SOOTHED,
    Policy.CHEER: _CHEERED,
    Policy.STEADY: _STEADY,
}


def manner(policy: Policy, felt: Emotion) -> Manner:
    """Return how a policy answers a feeling."""
    return _MANNERS[policy][felt]


def emotions_of_picture(prompt: str) -> frozenset[Emotion]:
    """Return the emotions of the manners whose picture moods stand in an image prompt."""
    return frozenset(
        shown.emotion
        for answers in _MANNERS.values()
        for shown in answers.values()
        if shown.image_mood in prompt
    )
