"""How arguments and results travel: small ones as bytes, those with arrays by the object store."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple, TypeGuard

from xy_core.core.errors import InvalidTaskError

Packed = bytes | tuple[Any]
"""A pickle, or a box of one object that Ray serialises: it lays arrays into the object store."""

_SMALL = 1 << 16
"""Bytes up to which what is packed shares a message with others."""


class Unopened(NamedTuple):
    """What has come from another node and is not unpacked yet; a `Content`."""

    packed: Packed

    def open(self) -> Any:  # noqa: ANN401 - whatever was packed
        """See `Content`."""
        try:
            return unpack(self.packed)
        except MemoryError:
            raise
        except Exception as error:  # importing what it names may raise anything
            raise InvalidTaskError(
                f"what another node sent cannot be read here: {error}"
            ) from error


def pack(value: Any) -> Packed:  # noqa: ANN401 - whatever a method takes or returns
    """Pickle what has no arrays, which takes a tenth of the time that Ray's own way does."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        packed = pickle.dumps(value, 5, buffer_callback=buffers.append)
    except Exception:  # noqa: BLE001 - lambdas, classes of __main__: Ray pickles more than pickle does
        return (value,)
    return (value,) if buffers else packed


def unpack(packed: Packed) -> Any:  # noqa: ANN401 - the same
    """Return what was packed."""
    return pickle.loads(packed) if isinstance(packed, bytes) else packed[0]  # noqa: S301 - our own


def shares(packed: Packed) -> TypeGuard[bytes]:
    """Whether it may share a message: it holds no array for the object store, and is small."""
    return isinstance(packed, bytes) and len(packed) <= _SMALL
