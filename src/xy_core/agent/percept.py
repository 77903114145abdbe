"""What the user gives, and the one representation of it that the agent thinks with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xy_core.agent.claims import Claim, Contradiction, Source, contradictions, feelings
from xy_core.agent.provider import Note
from xy_core.core.errors import InputError
from xy_core.modules.emotion import Affect, CrisisSign, EmotionReading, Evidence, FaceScores
from xy_core.modules.memory import Recalled
from xy_core.modules.vision import Picture, SceneFacts
from xy_core.modules.voice import Audio, Transcript


@dataclass(frozen=True, slots=True)
class UserInput:
    """One input of the user: text, speech and a picture, in any mix.

    Attributes:
        text: typed text.
        audio: speech.
        image: a picture.
        face: what the user's face shows, measured on the user's own device.
        person: whose memories and mood it concerns.

    Raises:
        InputError: all parts are missing or blank, or a text is not Unicode.
    """

    text: str = ""
    audio: Audio | None = None
    image: Picture | None = None
    person: str = "user"
    face: FaceScores | None = None

    def __post_init__(self) -> None:
        if not self.text.strip() and self.audio is None and self.image is None:
            raise InputError("nothing was given: type a text, or add an audio file or a picture")
        # Bytes of a command line that are not UTF-8 arrive as half a character each.
        for name, text in (("text", self.text), ("person", self.person)):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"the {name} is not Unicode at character {error.start + 1}: give it as UTF-8"
                ) from error


@dataclass(frozen=True, slots=True)
class Percept:
    """The unified representation of one user input.

    Attributes:
        words: what was typed and said, in that order.
        language: ``en`` or ``zh``.
        transcript: what was said, if anything.
        facts: what was seen, if anything.
        emotion: what the user seems to feel.
        memories: what bears on it, best first.
        mood: what the user's feelings add up to; None if nothing is known of it.
        evidence: what the emotion was read from.
        crisis: a sign that the user may be in danger, if there is one.
        typed: what was typed alone.
        notes: what other modules know that bears on it.
    """

    words: str
    language: str
    transcript: Transcript | None
    facts: SceneFacts | None
    emotion: EmotionReading
    memories: Sequence[Recalled]
    mood: Affect | None = None
    evidence: Sequence[Evidence] = ()
    crisis: CrisisSign | None = None
    typed: str = ""
    notes: Sequence[Note] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All that the input says, each with where it comes from and how sure it is."""
        typed = [Claim(Source.TYPED, self.typed, 1.0)] if self.typed else []
        said = self.transcript
        heard = [Claim(Source.SAID, said.text, said.confidence)] if said and said.text else []
        lines = self.facts.lines if self.facts else ()
        read = [Claim(Source.PICTURE, line.text, line.confidence) for line in lines]
        return (*typed, *heard, *read, *feelings(self.evidence))

    @property
    def contradictions(self) -> list[Contradiction]:
        """Where the parts of the input do not fit together."""
        return contradictions(self.claims)
