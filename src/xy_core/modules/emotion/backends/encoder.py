"""A small encoder that was taught emotions: multilingual-e5-small in int8, by onnxruntime.

A linear model over n-grams gives a second opinion: it knows the words of rare emotions by heart.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.emotion.backends.calibration import LABELS, Calibration, Evidence
from xy_core.modules.emotion.backends.features import is_chinese
from xy_core.modules.emotion.backends.linear import LinearRecogniser
from xy_core.modules.emotion.backends.wording import MOST_CHARACTERS, says_something, worded
from xy_core.modules.emotion.types import Recognition

NETWORK = "network.onnx"
WORDS = "words.npy"
SCALES = "scales.npy"
TOKENIZER = "tokenizer.json"
CALIBRATION = "calibration.json"

_FIRST, _LAST = 64, 32
"""Of a longer text so many tokens of its beginning and its end are read: a text that was learned
from had 96 at most, and the time grows with their number."""


class EncoderRecogniser:
    """Reads emotions with a twelve-layer encoder; several threads may use it at a time.

    Args:
        session: of onnxruntime: rows of words, float32 (1, n, width), to scores, float32 (14,).
        tokenizer: of tokenizers.
        table: the rows of all words.
        linear: the second opinion.
        english: how evidence in an English text become probabilities.
        chinese: the same of a text that is Chinese, if only in part.
    """

    def __init__(
        self,
        *,
        session: Any,  # noqa: ANN401 - onnxruntime has no types
        tokenizer: Any,  # noqa: ANN401 - nor has tokenizers
        table: WordTable,
        linear: LinearRecogniser,
        english: Calibration,
        chinese: Calibration,
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._table = table
        self._linear = linear
        self._calibrations = (english, chinese)

    @classmethod
    def load(cls, folder: Path, linear: LinearRecogniser) -> EncoderRecogniser:
        """Read what ``training/emotion`` wrote.

        Args:
            folder: of the encoder's files.
            linear: the second opinion.

        Raises:
            BackendError: a file is missing or damaged.
            MissingExtraError: onnxruntime or tokenizers is not installed.
        """
        onnxruntime, tokenizers = _library("onnxruntime"), _library("tokenizers")
        try:
            stored = json.loads((folder / CALIBRATION).read_text("utf-8"))
            return cls(
                session=_session(onnxruntime, folder / NETWORK),
                tokenizer=tokenizers.Tokenizer.from_file(str(folder / TOKENIZER)),
                table=WordTable.load(folder),
                linear=linear,
                english=Calibration.of(stored["en"]),
                chinese=Calibration.of(stored["zh"]),
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
        return self._calibrations[is_chinese(text)].recognition(self.evidence(text))

    def evidence(self, text: str) -> Evidence:
        """Return what speaks for each emotion in a text.

        Raises:
            BackendError: onnxruntime failed.
        """
        ids = self._tokens(worded(text, _Known(self._tokenizer)))
        try:
            (scores,) = self._session.run(["scores"], {"words": self._table.rows(ids)[None]})
        except Exception as error:  # as above
            raise BackendError(f"the emotion model failed: {error}") from error
        which, there = np.split(np.asarray(scores, np.float64), 2)
        shares = self._linear.probabilities(text[:MOST_CHARACTERS])
        words = np.log([shares[label] for label in LABELS]) if shares else np.zeros(len(LABELS))
        return Evidence(which, there, words)

    def _tokens(self, text: str) -> Sequence[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids if len(ids) <= _FIRST + _LAST else ids[:_FIRST] + ids[-_LAST:]


class WordTable:
    """The rows of all words, of which only those that are looked up come into memory.

    Args:
        words: int8, shape (vocabulary, width).
        scales: float32, shape (vocabulary, 1): what a word's 1 is worth.

    Raises:
        ValueError: the shapes do not fit.
    """

    def __init__(self, words: npt.NDArray[np.int8], scales: npt.NDArray[np.float32]) -> None:
        if scales.shape != (len(words), 1):
            raise ValueError(f"the words have unexpected shapes {words.shape}, {scales.shape}")
        self._words = words
        self._scales = scales

    @classmethod
    def load(cls, folder: Path) -> WordTable:
        """Map the table into memory.

        Raises:
            OSError: a file is missing.
            ValueError: a file is damaged.
        """
        return cls(np.load(folder / WORDS, mmap_mode="r"), np.load(folder / SCALES))

    def rows(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the rows of some words, shape (n, width)."""
        rows: npt.NDArray[np.float32] = self._words[ids] * self._scales[ids]
        return rows


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
