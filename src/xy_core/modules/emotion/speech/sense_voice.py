"""SenseVoice through sherpa-onnx: a speech model that also names the speaker's emotion."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.emotion.fusion import Evidence, Modality
from xy_core.modules.emotion.types import Emotion

_LABELS = {
    "HAPPY": Emotion.JOY,
    "SAD": Emotion.SADNESS,
    "ANGRY": Emotion.ANGER,
    "FEARFUL": Emotion.FEAR,
    "SURPRISED": Emotion.SURPRISE,
    "DISGUSTED": Emotion.DISGUST,
    "NEUTRAL": Emotion.NEUTRAL,
}
"""The emotion tokens of SenseVoice; EMO_UNKNOWN is the model's own doubt."""
_ACCURACY = 0.65
"""The probability of its label, since it gives none: our estimate of how often it is right on
speech that is not acted (An et al. 2024, "FunAudioLLM", report it by set)."""
_LEAST_SECONDS = 0.3


class SenseVoiceReader:
    """A `SpeechReader`; the model knows no speakers.

    Args:
        folder: holds the model (``*.onnx``) and its ``tokens.txt``.
        threads: of the model.
        max_seconds: of a longer recording only the end is heard.
    """

    def __init__(self, folder: Path, threads: int, max_seconds: float) -> None:
        self._folder = folder
        self._threads = threads
        self._max_seconds = max_seconds
        self._recogniser: Any = None

    def load(self) -> None:
        """See `Reader`."""
        if self._recogniser is not None:
            return
        try:
            sherpa = importlib.import_module("sherpa_onnx")
        except ImportError as error:
            raise MissingExtraError("sherpa-onnx", "sense-voice") from error
        model = next(iter(sorted(self._folder.glob("*.onnx"))), None)
        tokens = self._folder / "tokens.txt"
        if model is None or not tokens.is_file():
            raise BackendError(
                f"{self._folder} has no *.onnx and tokens.txt: run  xy-core models verify"
            )
        try:
            self._recogniser = sherpa.OfflineRecognizer.from_sense_voice(
                model=str(model), tokens=str(tokens), num_threads=self._threads
            )
        except Exception as error:  # sherpa-onnx raises whatever onnxruntime raises
            raise BackendError(f"SenseVoice cannot load {model}: {error}") from error

    def close(self) -> None:
        """See `Reader`."""
        self._recogniser = None

    def read(self, person: str, samples: npt.NDArray[np.float32], rate: int) -> Evidence | None:  # noqa: ARG002 - the model knows no speakers
        """See `SpeechReader`."""
        if self._recogniser is None:
            raise BackendError("SenseVoice is not loaded")
        last = samples[-round(self._max_seconds * rate) :]
        if len(last) < _LEAST_SECONDS * rate:
            return None
        stream = self._recogniser.create_stream()
        stream.accept_waveform(rate, last)
        try:
            self._recogniser.decode_stream(stream)
        except Exception as error:  # as above
            raise BackendError(f"SenseVoice failed: {error}") from error
        return evidence_of(stream.result.emotion)


def evidence_of(token: str) -> Evidence | None:
    """Return what an emotion token such as ``<|HAPPY|>`` says; None for the model's own doubt."""
    label = _LABELS.get(token.strip("<|>"))
    if label is None:
        return None
    others = (1 - _ACCURACY) / (len(Emotion) - 1)
    shares = {emotion: _ACCURACY if emotion is label else others for emotion in Emotion}
    # A neutral voice is what most voices are, whatever their words say.
    confidence = _ACCURACY / 2 if label is Emotion.NEUTRAL else _ACCURACY
    return Evidence(Modality.VOICE, shares, confidence)
