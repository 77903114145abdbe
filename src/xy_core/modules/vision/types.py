"""What is found in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xy_core.modules.vision.describe import describe


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text that was read.

    Attributes:
        text: the words.
        confidence: of the reader, 0 to 1.
        box: its four corners (x, y) in pixels, clockwise from the top left.
    """

    text: str
    confidence: float
    box: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class ColourShare:
    """How much of a picture has a colour.

    Attributes:
        name: one of the basic colours, in English.
        share: of the picture's area, 0 to 1.
    """

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """What can be measured in a picture, and what a model sees in it.

    Attributes:
        width: in pixels.
        height: in pixels.
        lines: the text, from top to bottom.
        colours: the dominant ones, largest first.
        brightness: mean luma, 0 (black) to 1 (white).
        faces: how many were found; None if nothing looked for them.
        seen: what a model that sees says of it; empty if none was asked.
    """

    width: int
    height: int
    lines: tuple[TextLine, ...]
    colours: tuple[ColourShare, ...]
    brightness: float
    faces: int | None = None
    seen: str = ""

    def describe(self, language: str) -> str:
        """Return one or two short sentences for a prompt, in ``zh`` or else in English."""
        return describe(self, language)

    def as_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON types."""
        return {
            "width": self.width,
            "height": self.height,
            "lines": [
                {
                    "text": line.text,
                    "confidence": round(line.confidence, 4),
                    "box": [list(corner) for corner in line.box],
                }
                for line in self.lines
            ],
            "colours": [
                {"name": colour.name, "share": round(colour.share, 4)} for colour in self.colours
            ],
            "brightness": round(self.brightness, 4),
            "faces": self.faces,
            "seen": self.seen,
        }
