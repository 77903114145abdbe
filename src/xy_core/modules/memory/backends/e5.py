"""Sentence embeddings in Chinese, English and many other languages by multilingual-e5-small."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.compute import give_way
from xy_core.core.errors import BackendError, MissingExtraError, XyCoreError
from xy_core.models.unigram import END, Unigram
from xy_core.modules.memory.backends.e5_file import LAYERS, MATRICES, WIDTH, E5File, Floats
from xy_core.modules.memory.embedding import Role
from xy_core.modules.memory.terms import has_han

UNLIKE = 0.17
"""The cosine of texts that have nothing in common: the median of questions and sentences about
other things."""
_OF_MEAN = 0.75
"""How much of its language's mean is subtracted from a vector: chosen, among tenths and the middle
of the best two, on the half of the questions of ``xy-core bench memory`` that is not reported."""
MEANS = "e5_means.npy"
WEIGHTS = "e5-small-q4.bin"
"""The file's name in the catalogue."""
_MOST = 256
"""Tokens of a text that are read; the model knows 512, which take it a quarter of a second."""
_CHARACTERS = 2_000
"""Characters that are looked at: few texts of so many have less tokens than are read."""
_STEPS = 127
_PREFIX = {Role.QUERY: "query: ", Role.PASSAGE: "passage: "}


class E5Embedder:
    """Turns sentences into unit vectors whose dot product is their similarity.

    The weights lie in four bits in the file; those of the twelve layers become int8 when it is
    loaded, and the rows of words are read where they are looked up. A part of the mean of its
    language is subtracted from a text's vector (after Libovický, Rosa and Fraser, "On the Language
    Neutrality of Pre-trained Multilingual Representations", Findings of EMNLP 2020): without that
    all texts have a cosine of 0.7 and more, and those of one language are nearer than those of one
    meaning. ``training/memory/means.py`` made the means.
    """

    def __init__(self, weights: Path, threads: int) -> None:
        self._weights = weights
        self._threads = threads
        self._session: Any = None
        self._means: Floats
        self._tokens: Unigram
        self._file: E5File

    def load(self) -> None:
        """Read the model into memory.

        Raises:
            BackendError: a file is damaged.
            MissingExtraError: onnxruntime is not installed.
        """
        onnxruntime = _library()
        try:
            folder = files("xy_core.modules.memory.backends")
            with folder.joinpath(MEANS).open("rb") as opened:
                self._means = np.load(opened)
            graph = folder.joinpath("e5.onnx").read_bytes()
            self._file = E5File.open(self._weights)
            self._tokens = Unigram(self._file.tokens, self._file.scores)
            self._session = _session(onnxruntime, graph, self._file, self._threads)
        except Exception as error:  # onnxruntime raises Exception's own and private classes
            raise BackendError(f"the embedder {self._weights} cannot be loaded: {error}") from error

    def embed(self, texts: Sequence[str], role: Role) -> npt.NDArray[np.float32]:
        """Return one vector of length 1 a text: float32, (texts, 384).

        Raises:
            BackendError: onnxruntime failed.
        """
        means = self._means[list(Role).index(role), [int(has_han(text)) for text in texts]]
        return _unit(self.raw(texts, role) - _OF_MEAN * means)

    def raw(self, texts: Sequence[str], role: Role) -> npt.NDArray[np.float32]:
        """Return the model's own vectors, of length 1, from which nothing is subtracted.

        Raises:
            BackendError: onnxruntime failed.
        """
        try:
            found = [self._one(text, role) for text in texts]
        except XyCoreError:  # it was cancelled
            raise
        except Exception as error:  # as above
            raise BackendError(f"the embedder failed: {error}") from error
        return _unit(np.asarray(found, np.float32).reshape(len(texts), WIDTH))

    def count(self, texts: Sequence[str]) -> int:
        """Return how many tokens are read of texts, special ones included."""
        return sum(len(self._ids(text, Role.PASSAGE)) for text in texts)

    def _one(self, text: str, role: Role) -> Floats:
        give_way()
        words = self._file.rows(np.array(self._ids(text, role), np.int64))
        vector: Floats = self._session.run(None, {"words": words})[0]
        return vector

    def _ids(self, text: str, role: Role) -> list[int]:
        ids = self._tokens.encode(_PREFIX[role] + text[:_CHARACTERS])
        return ids if len(ids) <= _MOST else [*ids[: _MOST - 1], END]


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _session(onnxruntime: Any, graph: bytes, file: E5File, threads: int) -> Any:  # noqa: ANN401 - untyped
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the processor from a turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    weights = _weights(file)
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    options.add_external_initializers([*weights], values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _weights(file: E5File) -> dict[str, npt.NDArray[Any]]:
    """Return what the graph wants, by the names that ``training/memory/graph.py`` gave."""
    types = file.tensor("emb.type")
    places = file.tensor("emb.pos").reshape(-1, WIDTH) + types[:WIDTH]
    found: dict[str, npt.NDArray[Any]] = {"places": places}
    norms = ["emb.ln"]
    for layer in (f"l{number}" for number in range(LAYERS)):
        norms += [f"{layer}.aln", f"{layer}.oln"]
        for name, shape in MATRICES.items():
            parts = "qkv" if name == "qkv" else (name,)
            whole = np.concatenate([file.tensor(f"{layer}.{part}.w") for part in parts])
            matrix = whole.reshape(shape[::-1]).T
            scales = np.abs(matrix).max(axis=0).clip(1e-8) / _STEPS
            found[f"{layer}.{name}.w"] = np.ascontiguousarray(np.rint(matrix / scales), np.int8)
            found[f"{layer}.{name}.s"] = scales.astype(np.float32)
            biases = [file.tensor(f"{layer}.{part}.b") for part in parts]
            found[f"{layer}.{name}.b"] = np.concatenate(biases)
    for name in norms:
        found |= {f"{name}.{part}": file.tensor(f"{name}.{part}").copy() for part in "wb"}
    return found


def _library() -> Any:  # noqa: ANN401 - any module
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "memory") from error
