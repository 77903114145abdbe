"""A small encoder that was taught emotions: multilingual-e5-small in int8, by onnxruntime.

A linear model over n-grams gives a second opinion: it knows the words of rare emotions by heart.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.models.unigram import Unigram
from xy_core.modules.emotion.backends.calibration import LABELS, Calibration, Evidence
from xy_core.modules.emotion.backends.features import is_chinese
from xy_core.modules.emotion.backends.linear import LinearRecogniser
from xy_core.modules.emotion.backends.wording import MOST_CHARACTERS, says_something, worded
from xy_core.modules.emotion.types import Recognition

NETWORK = "network.onnx"
WORDS = "words.npy"
SCALES = "scales.npy"
TOKENS = "tokens.tsv"
CALIBRATION = "calibration.json"

_FIRST, _LAST = 48, 24
"""Of a longer text so many tokens of its beginning and its end are read: the time grows with their
number, 0.2 ms each."""


class EncoderRecogniser:
    """Reads emotions with a twelve-layer encoder; several threads may use it at a time.

    Args:
        session: of onnxruntime: rows of words, float32 (1, n, width), to scores, float32 (14,).
        tokens: the vocabulary.
        table: the rows of all words.
        linear: the second opinion.
        english: how evidence in an English text become probabilities.
        chinese: the same of a text that is Chinese, if only in part.
    """

    def __init__(
        self,
        *,
        session: Any,  # noqa: ANN401 - onnxruntime has no types
        tokens: Unigram,
        table: WordTable,
        linear: LinearRecogniser,
        english: Calibration,
        chinese: Calibration,
    ) -> None:
        self._session = session
        self._tokens = tokens
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
            MissingExtraError: onnxruntime is not installed.
        """
        onnxruntime = _library("onnxruntime")
        try:
            stored = json.loads((folder / CALIBRATION).read_text("utf-8"))
            tokens = Unigram.load(folder / TOKENS)
            session = _session(onnxruntime, folder / NETWORK)
            _give_back_memory()
            return cls(
                session=session,
                tokens=tokens,
                table=WordTable.load(folder, len(tokens)),
                linear=linear,
                english=Calibration.of(stored["en"]),
                chinese=Calibration.of(stored["zh"]),
            )
        except Exception as error:  # onnxruntime raises Exception's own and private classes
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
        ids = self._ids(worded(text, self._tokens))
        try:
            (scores,) = self._session.run(["scores"], {"words": self._table.rows(ids)[None]})
        except Exception as error:  # as above
            raise BackendError(f"the emotion model failed: {error}") from error
        which, there = np.split(np.asarray(scores, np.float64), 2)
        shares = self._linear.probabilities(text[:MOST_CHARACTERS])
        words = np.log([shares[label] for label in LABELS]) if shares else np.zeros(len(LABELS))
        return Evidence(which, there, words)

    def _ids(self, text: str) -> Sequence[int]:
        ids = self._tokens.encode(text)
        return ids if len(ids) <= _FIRST + _LAST else ids[:_FIRST] + ids[-_LAST:]


class WordTable:
    """The rows of all words, read from the file where they are looked up.

    That takes a microsecond a word. Mapped into memory, the file would count as the process's own.

    Args:
        file: int8, vocabulary × width, after its header.
        start: length of the header, in bytes.
        scales: float32, shape (vocabulary, 1): what a word's 1 is worth.
        width: of a row.
    """

    def __init__(
        self, file: FileIO, start: int, scales: npt.NDArray[np.float32], width: int
    ) -> None:
        self._file = file
        self._start = start
        self._scales = scales
        self._width = width
        self._lock = Lock()

    @classmethod
    def load(cls, folder: Path, vocabulary: int) -> WordTable:
        """Open the table of a vocabulary of this size.

        Raises:
            OSError: a file is missing.
            ValueError: a file is damaged, or is of another vocabulary.
        """
        words = np.load(folder / WORDS, mmap_mode="r")
        scales = np.load(folder / SCALES)
        if len(words) != vocabulary or scales.shape != (vocabulary, 1):
            raise ValueError(f"{vocabulary} tokens, but rows {words.shape}, scales {scales.shape}")
        return cls((folder / WORDS).open("rb", buffering=0), words.offset, scales, words.shape[1])

    def rows(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the rows of some words, shape (n, width)."""
        read = bytearray()
        with self._lock:
            for number in ids:
                self._file.seek(self._start + number * self._width)
                read += self._file.read(self._width)
        steps = np.frombuffer(read, np.int8).reshape(-1, self._width)
        rows: npt.NDArray[np.float32] = steps * self._scales[ids]
        return rows


def _session(onnxruntime: Any, file: Path) -> Any:  # noqa: ANN401 - as above
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _give_back_memory() -> None:
    """Let the C library return what loading has freed: 15 MiB, which it would keep otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:  # only glibc has it
        trim(0)


def _library(name: str) -> Any:  # noqa: ANN401 - any module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name, "emotion") from error
