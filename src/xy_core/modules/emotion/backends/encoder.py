"""A small encoder that was taught emotions: multilingual-e5-small in int8, by onnxruntime."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.emotion.backends.features import is_chinese
from xy_core.modules.emotion.backends.recogniser import Recognition
from xy_core.modules.emotion.backends.wording import says_something, worded
from xy_core.modules.emotion.types import Emotion

Floats = npt.NDArray[np.float64]

NETWORK = "network.onnx"
WORDS = "words.npy"
SCALES = "scales.npy"
TOKENIZER = "tokenizer.json"
CALIBRATION = "calibration.json"

LABELS = tuple(Emotion)
"""The order of the classes in the network's scores."""
_FIRST, _LAST = 64, 32
"""Of a longer text so many tokens of its beginning and its end are read: a text that was learned
from had 96 at most, and the time grows with their number."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the scores of one language become probabilities; all chosen on held-out texts.

    Attributes:
        temperature: the scores of which emotion it is are divided by it (Guo et al. 2017, "On
            calibration of modern neural networks").
        bias: shape (7,): added to them first, since emotions are not equally frequent everywhere.
        slope: shape (7,): the scores of presence are multiplied by it (Platt 1999).
        shift: shape (7,): added to them afterwards.
        thresholds: shape (7,): an emotion whose presence is as likely is named.
    """

    temperature: float
    bias: Floats
    slope: Floats
    shift: Floats
    thresholds: Floats

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Calibration:
        """Read what the training stored.

        Raises:
            KeyError: a part is missing.
            ValueError: a part has another shape.
        """
        vectors = {
            name: np.array(stored[name], np.float64).reshape(len(LABELS))
            for name in ("bias", "slope", "shift", "thresholds")
        }
        return cls(float(stored["temperature"]), **vectors)

    def recognition(self, scores: Floats) -> Recognition:
        """Turn the network's scores, shape (14,), into what is found."""
        which = (scores[: len(LABELS)] + self.bias) / self.temperature
        shares = np.exp(which - which.max())
        shares /= shares.sum()
        there = 1 / (1 + np.exp(-(scores[len(LABELS) :] * self.slope + self.shift)))
        named = there >= self.thresholds
        named[shares.argmax()] = True
        order = sorted(np.flatnonzero(named), key=lambda place: -shares[place])
        return Recognition(
            dict(zip(LABELS, shares.tolist(), strict=True)),
            dict(zip(LABELS, there.tolist(), strict=True)),
            tuple(LABELS[place] for place in order),
        )


class EncoderRecogniser:
    """Reads emotions with a twelve-layer encoder; several threads may use it at a time.

    Args:
        session: of onnxruntime: rows of words, float32 (1, n, width), to scores, (14,).
        tokenizer: of tokenizers.
        words: int8, shape (vocabulary, width).
        scales: float32, shape (vocabulary, 1): what a word's 1 is worth.
        english: calibration.
        chinese: calibration.
    """

    def __init__(
        self,
        session: Any,  # noqa: ANN401 - onnxruntime has no types
        tokenizer: Any,  # noqa: ANN401 - nor has tokenizers
        words: npt.NDArray[np.int8],
        scales: npt.NDArray[np.float32],
        english: Calibration,
        chinese: Calibration,
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._words = words
        self._scales = scales
        self._calibrations = (english, chinese)

    @classmethod
    def load(cls, folder: Path) -> EncoderRecogniser:
        """Read what ``training/emotion`` wrote.

        Raises:
            BackendError: a file is missing or damaged.
            MissingExtraError: onnxruntime or tokenizers is not installed.
        """
        onnxruntime, tokenizers = _library("onnxruntime"), _library("tokenizers")
        try:
            stored = json.loads((folder / CALIBRATION).read_text("utf-8"))
            words = np.load(folder / WORDS, mmap_mode="r")
            scales = np.load(folder / SCALES)
            if words.ndim != 2 or scales.shape != (len(words), 1):  # noqa: PLR2004 - rows, columns
                raise ValueError(f"the words have unexpected shapes {words.shape}, {scales.shape}")
            return cls(
                _session(onnxruntime, folder / NETWORK),
                tokenizers.Tokenizer.from_file(str(folder / TOKENIZER)),
                words,
                scales,
                Calibration.of(stored["en"]),
                Calibration.of(stored["zh"]),
            )
        except Exception as error:  # both libraries raise Exception's own or private classes
            raise BackendError(
                f"the emotion model cannot be read ({error}): reinstall xy-core"
            ) from error

    def read(self, text: str) -> Recognition | None:
        """Return what is found, or None if the text has neither letters nor symbols.

        Raises:
            BackendError: onnxruntime failed.
        """
        if not says_something(text):
            return None
        return self._calibrations[is_chinese(text)].recognition(self.scores(text))

    def scores(self, text: str) -> Floats:
        """Return the network's scores, shape (14,): which emotion it is, and which are there.

        Raises:
            BackendError: onnxruntime failed.
        """
        ids = self._tokens(worded(text, _Known(self._tokenizer)))
        words = (self._words[ids] * self._scales[ids])[None].astype(np.float32)
        try:
            (scores,) = self._session.run(["scores"], {"words": words})
        except Exception as error:  # as above
            raise BackendError(f"the emotion model failed: {error}") from error
        return np.asarray(scores, np.float64)

    def _tokens(self, text: str) -> Sequence[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids if len(ids) <= _FIRST + _LAST else ids[:_FIRST] + ids[-_LAST:]


class _Known:
    """The single characters that a tokenizer has a token for."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - as above
        self._tokenizer = tokenizer

    def __contains__(self, character: object) -> bool:
        return self._tokenizer.token_to_id(character) is not None


def _session(onnxruntime: Any, file: Path) -> Any:  # noqa: ANN401 - as above
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _library(name: str) -> Any:  # noqa: ANN401 - any module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name, "emotion") from error
