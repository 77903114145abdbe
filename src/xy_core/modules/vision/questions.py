"""What a model that sees is asked, and what it must be able to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xy_core.core.errors import ImageError, InputError
from xy_core.core.model import Variant
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.types import SceneFacts

_MAX_QUESTION = 4_000
_MAX_PICTURES = 8
_MAX_RATIO = 100
"""Of a picture's sides; Qwen2-VL itself refuses 200, and scaling down makes it more."""
_MAX_SCHEMA = 20_000
"""Characters of a JSON schema."""
_MAX_LINES = 20
_MAX_CHARACTERS = 800
"""What is quoted of one picture: a page of text would crowd out the question."""

DESCRIBE = {
    "en": "Describe what this picture shows in two or three sentences.",
    "zh": "用两三句话描述这张图片的内容。",
}
COMPARE = {
    "en": "What do these pictures have in common, and how do they differ?",
    "zh": "这些图片有哪些相同之处和不同之处？",
}
_READ = {
    "en": "A text reader found in picture {number}: {lines}. It may have misread. Quote it where "
    "it helps; if you see something else, say that the two disagree.",
    "zh": "文字识别在第{number}张图片中读到：{lines}。识别可能有误。有用时请引用；"
    "如果你看到的与此不同，请指出两者矛盾。",
}


@dataclass(frozen=True, slots=True, eq=False)
class VisionQuestion:
    """One question about pictures.

    Attributes:
        pictures: already as small as the model wants them.
        text: the whole prompt, evidence included.
        schema: the JSON schema that the answer must follow, as JSON; empty for free text.
    """

    pictures: tuple[Picture, ...]
    text: str
    schema: str = ""

    @property
    def pixels(self) -> int:
        """Of all pictures together."""
        return sum(picture.width * picture.height for picture in self.pictures)


class VisionModel(Protocol):
    """A model that sees; its methods block, and may be called from several threads."""

    def load(self, device: str, variant: Variant) -> None:
        """Bring the model; harmless when it is there.

        Raises:
            MissingExtraError: the engine's library is not installed.
            BackendError: its files are damaged.
            OutOfDeviceMemory: it does not fit.
        """

    def answer(self, emit: Callable[[str], None], question: VisionQuestion) -> None:
        """Write an answer, handing each piece to `emit`; stops as soon as that raises.

        Raises:
            BackendError: the engine failed.
            UnsupportedError: the question has a schema, and the engine cannot follow one.
        """

    def close(self) -> None:
        """Give the memory back; harmless when nothing is loaded."""


def check_question(pictures: Sequence[Picture], question: str) -> None:
    """Refuse what cannot be asked.

    Raises:
        InputError: no picture, too many, no words, too many, or not Unicode.
        ImageError: a picture is too narrow.
    """
    if not 1 <= len(pictures) <= _MAX_PICTURES:
        raise InputError(f"ask about 1 to {_MAX_PICTURES} pictures, not {len(pictures)}")
    for picture in pictures:
        if max(picture.width, picture.height) > _MAX_RATIO * min(picture.width, picture.height):
            raise ImageError(
                f"{picture.width} x {picture.height} is too narrow to be understood: crop it"
            )
    if not question.strip():
        raise InputError("the question is empty: say what you want to know")
    if len(question) > _MAX_QUESTION:
        raise InputError(f"the question has over {_MAX_QUESTION:,} characters: shorten it")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the question is not Unicode at character {error.start + 1}") from error


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema as JSON.

    Raises:
        InputError: it is empty, no JSON, or too long.
    """
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the schema is not JSON: {error}") from error
    if not schema or len(text) > _MAX_SCHEMA:
        raise InputError(f"the schema must have content, and {_MAX_SCHEMA:,} characters at most")
    return text


def with_evidence(question: str, facts: Sequence[SceneFacts], language: str) -> str:
    """Return the question with what was read in the pictures, to be quoted or contradicted."""
    template = _READ["zh" if language == "zh" else "en"]
    found = [
        template.format(number=number, lines=_quoted(one))
        for number, one in enumerate(facts, 1)
        if one.lines
    ]
    words = "\n".join([*found, question.strip()])
    # Neither the user's words nor a picture's may pass for tokens of the model or llama.cpp.
    return words.replace("<|", "< |").replace("<__", "< __")


def _quoted(facts: SceneFacts) -> str:
    lines: list[str] = []
    room = _MAX_CHARACTERS
    for line in facts.lines[:_MAX_LINES]:
        if room <= 0:
            break
        # The words are the picture's, not the user's: they must not end their own quotation.
        words = line.text[:room].replace('"', "'")
        lines.append(f'"{words}" ({line.confidence:.0%})')
        room -= len(words)
    return ", ".join(lines)
