"""The header of a GGUF file: what a model is made of, without reading its weights.

The `gguf` package reads all of a vocabulary into numpy arrays, one for each token: 32 s and 870 MB
for 262,000 tokens, however hostile the file. Here everything is bounded, and arrays are passed
over. (Format: ggml, docs/gguf.md, versions 2 and 3, little endian.)
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from xy_core.core.errors import ModelError

MAX_HEADER = 32 * 2**20
"""Bytes; the largest vocabularies of today take about 15 MB."""
_MAX_KEYS = 4_096
_MAX_TENSORS = 65_536
_MAX_TEXT = 2**20
_MAX_KEPT = 4_096
_MAX_DIMENSIONS = 8

_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_LENGTH = 8
"""Bytes of the length before each text."""
_TOO_LONG = "it ends in its header, or has too large a one"
_TOKENS = "tokenizer.ggml.tokens"

Value = int | float | bool | str | list[int | float | bool]


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a file's header says.

    Attributes:
        values: the metadata; of arrays only short ones of numbers.
        lengths: the lengths of all arrays, by their keys.
        tensors: the bytes that each tensor takes in the file, by its name.
    """

    values: dict[str, Value] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    tensors: dict[str, int] = field(default_factory=dict)

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows; 0 if the header does not tell."""
        return self.lengths.get(_TOKENS, 0)

    def number(self, key: str, default: int | None = None) -> int:
        """Return a number of the model's architecture; of one for each layer, the largest.

        Raises:
            ModelError: it is missing or makes no sense.
        """
        value = self.values.get(f"{self.values.get('general.architecture')}.{key}", default)
        if isinstance(value, list):
            value = max(value, default=None)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**32:
            raise ModelError(f"the GGUF header has no usable {key!r}: {value!r}")
        return value

    def block_bytes(self) -> tuple[int, ...]:
        """Return the bytes of each transformer block, in their order.

        Raises:
            ModelError: the header does not tell how many there are, or has none of one's tensors.
        """
        layers = self.number("block_count")
        if layers > _MAX_KEPT:
            raise ModelError(f"the GGUF header tells of {layers} layers")
        sizes = [0] * layers
        for name, size in self.tensors.items():
            found = re.match(r"blk\.(\d{1,6})\.", name)
            if found and int(found[1]) < layers:
                sizes[int(found[1])] += size
        if not all(sizes):
            raise ModelError("the GGUF file lacks tensors of some layers: is a part missing?")
        return tuple(sizes)


def read_gguf_header(*paths: Path) -> GgufHeader:
    """Read the header of a GGUF model, which may lie in several files.

    Raises:
        ModelError: a file cannot be read, is not GGUF, is damaged or larger than it may be.
    """
    whole = GgufHeader()
    for path in paths:
        try:
            with path.open("rb") as file:
                part = _Reader(file, path.stat().st_size).header()
        except OSError as error:
            raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
        except (_DamagedError, struct.error) as error:
            raise ModelError(
                f"{path} is not a whole GGUF model ({error}): run  xy-core models verify"
            ) from error
        whole.values.update({k: v for k, v in part.values.items() if k not in whole.values})
        whole.lengths.update({k: v for k, v in part.lengths.items() if k not in whole.lengths})
        whole.tensors.update(part.tensors)
    return whole


class _DamagedError(Exception):
    """What is wrong with a file."""


class _Reader:
    """Reads one header, never beyond its bounds or the file's end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0

    def header(self) -> GgufHeader:
        if self._take(4) != b"GGUF":
            raise _DamagedError("it does not begin with GGUF")
        version = self._number("<I")
        if version not in {2, 3}:
            raise _DamagedError(f"version {version} is not known")
        tensors = self._count("<Q", _MAX_TENSORS, "tensors")
        keys = self._count("<Q", _MAX_KEYS, "keys")
        header = GgufHeader()
        for _ in range(keys):
            self._pair(header)
        offsets = [self._tensor() for _ in range(tensors)]
        header.tensors.update(self._sizes(offsets, header.values.get("general.alignment", 32)))
        return header

    def _pair(self, header: GgufHeader) -> None:
        key = self._text()
        kind = int(self._number("<I"))
        if kind == _STRING:
            header.values[key] = self._text()
        elif kind == _ARRAY:
            self._array(header, key)
        else:
            header.values[key] = self._number(self._format(kind))

    def _array(self, header: GgufHeader, key: str) -> None:
        kind = int(self._number("<I"))
        if kind == _STRING:
            header.lengths[key] = length = self._count("<Q", self._left // _LENGTH, "texts")
            self._pass_texts(length)
            return
        form = self._format(kind)
        width = struct.calcsize(form)
        header.lengths[key] = length = self._count("<Q", self._left // width, "numbers")
        data = self._take(length * width)
        if length <= _MAX_KEPT:
            header.values[key] = [value for (value,) in struct.iter_unpack(form, data)]

    def _pass_texts(self, count: int) -> None:
        """Pass over texts without looking at them: a vocabulary has half a million."""
        read, unpack, left = self._file.read, struct.Struct("<Q").unpack, self._left
        for _ in range(count):
            left -= _LENGTH
            (size,) = unpack(read(_LENGTH)) if left >= 0 else (0,)
            left -= size
            if left < 0:
                raise _DamagedError(_TOO_LONG)
            read(size)
        self._position = min(self._size, MAX_HEADER) - left

    def _tensor(self) -> tuple[str, int]:
        name = self._text()
        dimensions = self._count("<I", _MAX_DIMENSIONS, "dimensions")
        self._take(8 * dimensions + 4)  # the shape and the type: the offsets tell the sizes
        return name, int(self._number("<Q"))

    def _sizes(self, offsets: list[tuple[str, int]], alignment: Value) -> dict[str, int]:
        """Return the tensors' sizes: each reaches to the next, the last to the file's end."""
        if not isinstance(alignment, int) or not 0 < alignment <= _MAX_TEXT:
            raise _DamagedError(f"alignment {alignment!r}")
        begin = -(-self._position // alignment) * alignment
        end = self._size - begin
        ordered = sorted(offsets, key=lambda tensor: tensor[1])
        if not ordered:
            raise _DamagedError("it has no tensors")
        if ordered[-1][1] >= end:
            raise _DamagedError("it ends before its last tensor")
        ends = [offset for _, offset in ordered[1:]] + [end]
        return {name: after - at for (name, at), after in zip(ordered, ends, strict=True)}

    # -- bytes -------------------------------------------------------------------------------

    @property
    def _left(self) -> int:
        return min(self._size, MAX_HEADER) - self._position

    def _take(self, size: int) -> bytes:
        if size > self._left:
            raise _DamagedError(_TOO_LONG)
        data = self._file.read(size)
        if len(data) < size:
            raise _DamagedError("it ends in its header")
        self._position += size
        return data

    def _text(self) -> str:
        return self._take(self._count("<Q", _MAX_TEXT, "characters")).decode("utf-8", "replace")

    def _number(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _count(self, form: str, most: int, what: str) -> int:
        count = int(self._number(form))
        if count > most:
            raise _DamagedError(f"{count} {what}")
        return count

    def _format(self, kind: int) -> str:
        if kind not in _SCALARS:
            raise _DamagedError(f"type {kind} is not known here")
        return _SCALARS[kind]
