"""What every recogniser of emotions in text offers, and which one is used."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from xy_core.modules.emotion.backends.encoder import EncoderRecogniser
from xy_core.modules.emotion.backends.linear import LinearRecogniser
from xy_core.modules.emotion.types import Recognition

BACKENDS = files("xy_core.modules.emotion.backends")


class Recogniser(Protocol):
    """Reads the emotion of a text; may be used by several threads at a time."""

    def read(self, text: str) -> Recognition | None:
        """Return what is found, or None if the text says nothing that the recogniser knows."""
        ...


def load_recogniser() -> Recogniser:
    """Load the encoder, or the linear model alone where onnxruntime is not installed.

    Raises:
        BackendError: the files are missing or damaged.
    """
    linear = LinearRecogniser.load(BACKENDS / "weights.npz")
    if find_spec("onnxruntime") is None:
        return linear
    return EncoderRecogniser.load(Path(str(BACKENDS / "encoder")), linear)
