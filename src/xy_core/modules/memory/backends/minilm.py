"""Sentence embeddings by all-MiniLM-L6-v2 through onnxruntime."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.memory.embedding import Role

WIDTH = 384
"""Numbers of a vector."""
_MAX_TOKENS = 256  # what the model was trained with (its card on Hugging Face)


class MiniLMEmbedder:
    """Turns English sentences into unit vectors whose dot product is their similarity."""

    def __init__(self, model: Path, tokenizer: Path, threads: int) -> None:
        self._model = model
        self._tokenizer_file = tokenizer
        self._threads = threads
        self._session: Any = None
        self._tokenizer: Any = None

    def load(self) -> None:
        """Read the model into memory.

        Raises:
            BackendError: a file is damaged.
            MissingExtraError: onnxruntime or tokenizers is not installed.
        """
        onnxruntime, tokenizers = _library("onnxruntime"), _library("tokenizers")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # A thread that spins while it waits takes the processor from a turn.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(self._tokenizer_file))
            self._session = onnxruntime.InferenceSession(
                self._model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise Exception's own or private classes
            raise BackendError(
                f"the embedder in {self._model.parent} cannot be loaded: {error}"
            ) from error
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding()

    def embed(self, texts: Sequence[str], role: Role) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Return one L2-normalised vector a text, whatever its role: float32, (texts, 384).

        A sentence's vector is the mean of its tokens' vectors, as the model was trained.

        Raises:
            BackendError: onnxruntime failed.
        """
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([sentence.ids for sentence in encoded], np.int64)
        mask = np.array([sentence.attention_mask for sentence in encoded], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        try:
            (tokens,) = self._session.run(["last_hidden_state"], inputs)
        except Exception as error:  # as above
            raise BackendError(f"the embedder failed: {error}") from error
        weights = mask[:, :, None].astype(np.float32)
        means = (tokens * weights).sum(axis=1) / weights.sum(axis=1)
        unit: npt.NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit.astype(np.float32, copy=False)

    def count(self, texts: Sequence[str]) -> int:
        """Return how many tokens are read of texts, special ones included."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return sum(sum(sentence.attention_mask) for sentence in encoded)


def _library(name: str) -> Any:  # noqa: ANN401 - any module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name, "memory") from error
