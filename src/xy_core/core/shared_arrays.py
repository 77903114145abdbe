"""Carries objects to another process: small parts as bytes, arrays through shared memory.

Pickle's protocol 5 hands out the buffers of arrays instead of copying them into its bytes. The
sender copies them once, into memory that both processes map; the receiver's arrays lie in that
very memory, and when the last of them is gone, its place is used again. Nothing has a name, so
that nothing is left behind, however the processes end.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import sys
import threading
import weakref
from collections.abc import Sequence
from multiprocessing.heap import Arena
from typing import Any

from xy_core.core.errors import InvalidTaskError
from xy_core.core.raw_memory import copy_into

_SMALL = 16 << 10
"""Bytes below which a pipe is as fast as shared memory."""
_ALIGNMENT = 64
"""A cache line, and what vector instructions ask for."""
_PAGE = mmap.PAGESIZE
_KEPT = 64 << 20
"""Bytes of memory that stay in place for the next arrays."""
_IN_USE, _RELEASED = 1, 0

Frame = tuple[bytes | None, int, tuple[tuple[int, bool], ...]]
"""What goes through the pipe: the pickle (None: it is the first of the parts in shared memory),
where the parts' block begins (-1: there is none), and each part's size and whether it is
read-only."""


def shared_memory(size: int) -> Arena:
    """Return memory that a child process can be started with; it takes only what is used of it.

    `multiprocessing.heap.Arena` is what `multiprocessing.Array` is made of: it can be given to a
    process that is being started, on every platform. Linux has a better place for it than a file
    in ``/dev/shm``, which is often small inside containers.
    """
    if sys.platform != "linux":
        return Arena(size)
    descriptor = os.memfd_create("xy-core")
    os.ftruncate(descriptor, size)
    arena = Arena(size, descriptor)
    weakref.finalize(arena, os.close, descriptor)
    return arena


class Outbox:
    """The end that sends; the only one that decides what lies where in the memory."""

    def __init__(self, memory: Arena) -> None:
        self._memory: mmap.mmap = memory.buffer
        self._lock = threading.Lock()
        self._blocks: list[tuple[int, int]] = []
        self._touched = 0

    def pack(self, value: object) -> Frame:
        """Turn an object into a frame; what finds no place in the memory goes as bytes.

        Raises:
            InvalidTaskError: it cannot be pickled.
        """
        try:
            return self._pack(value)
        except MemoryError:
            raise
        except Exception as error:  # an object's own __reduce__ may raise anything
            raise InvalidTaskError(
                f"{type(value).__name__} cannot be sent to another process ({error}): use values "
                "that can be pickled"
            ) from error

    def tidy(self) -> None:
        """Give memory that is not needed any more back to the system."""
        with self._lock:
            self._sweep()
            kept = (self._blocks[-1][1] if self._blocks else 0) + _KEPT
            if kept < self._touched and hasattr(mmap, "MADV_REMOVE"):
                self._memory.madvise(mmap.MADV_REMOVE, kept, self._touched - kept)
                self._touched = kept

    @property
    def used(self) -> int:
        """Bytes of blocks that the other end still holds."""
        with self._lock:
            self._sweep()
            return sum(end - start for start, end in self._blocks)

    def _pack(self, value: object) -> Frame:
        arrays: list[pickle.PickleBuffer] = []

        def carry(buffer: pickle.PickleBuffer) -> bool:
            small = buffer.raw().nbytes < _SMALL
            if not small:
                arrays.append(buffer)
            return small

        body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL, buffer_callback=carry)
        parts = [array.raw() for array in arrays]
        if len(body) >= _SMALL:
            parts.insert(0, memoryview(body))
        if not parts:
            return body, -1, ()
        offset = self._place(parts)
        if offset < 0:
            whole = pickle.dumps(value, pickle.HIGHEST_PROTOCOL) if arrays else body
            return whole, -1, ()
        sizes = tuple((part.nbytes, part.readonly) for part in parts)
        return (None if len(body) >= _SMALL else body), offset, sizes

    def _place(self, parts: Sequence[memoryview]) -> int:
        offsets, size = _layout([part.nbytes for part in parts])
        start = self._reserve(_rounded(size, _PAGE))
        if start >= 0:
            for part, offset in zip(parts, offsets, strict=True):
                copy_into(self._memory, start + offset, part, part.nbytes)
        return start

    def _reserve(self, size: int) -> int:
        """The start of the lowest gap, whose pages are likely in place already; -1 if none."""
        with self._lock:
            self._sweep()
            start = 0
            for index, (begin, end) in enumerate([*self._blocks, (len(self._memory), 0)]):
                if begin - start >= size:
                    self._blocks.insert(index, (start, start + size))
                    self._touched = max(self._touched, start + size)
                    self._memory[start] = _IN_USE
                    return start
                start = end
            return -1

    def _sweep(self) -> None:
        memory = self._memory
        self._blocks = [block for block in self._blocks if memory[block[0]] == _IN_USE]


class Inbox:
    """The end that receives."""

    def __init__(self, memory: Arena) -> None:
        self._memory: mmap.mmap = memory.buffer

    def accept(self, frame: Frame) -> Parcel:
        """Take hold of what a frame names; dropping the parcel gives its memory back."""
        body, start, sizes = frame
        if start < 0:
            return Parcel(body or b"", None, ())
        offsets, size = _layout([size for size, _ in sizes])
        block = (ctypes.c_char * size).from_buffer(self._memory, start)
        # One byte tells the sender: no message, no lock, so that a garbage collector may do it.
        released = weakref.finalize(block, self._memory.__setitem__, start, _RELEASED)
        released.atexit = False
        whole = memoryview(block)
        parts = []
        for (length, readonly), offset in zip(sizes, offsets, strict=True):
            part = whole[offset : offset + length]
            parts.append(part.toreadonly() if readonly else part)
        return Parcel(body, block, parts)


class Parcel:
    """What has arrived and is not unpacked yet."""

    __slots__ = ("_block", "_body", "_parts")

    def __init__(self, body: bytes | None, block: object, parts: Sequence[memoryview]) -> None:
        self._body = body
        self._block = block
        self._parts = parts

    def open(self) -> Any:
        """Unpickle it, once; its arrays keep their memory.

        Raises:
            InvalidTaskError: it needs something that this process cannot find.
        """
        parts, self._parts, self._block = self._parts, (), None
        body, arrays = (self._body, parts) if self._body is not None else (parts[0], parts[1:])
        try:
            return pickle.loads(body, buffers=arrays)  # noqa: S301 - from our own process
        except MemoryError:
            raise
        except Exception as error:  # importing what it names may raise anything
            raise InvalidTaskError(
                f"what another process sent cannot be read here: {error}"
            ) from error


def _layout(sizes: Sequence[int]) -> tuple[list[int], int]:
    """Where each part begins in its block, after the line that says whether it is in use."""
    offsets, end = [], _ALIGNMENT
    for size in sizes:
        offsets.append(end)
        end = _rounded(end + size, _ALIGNMENT)
    return offsets, end


def _rounded(size: int, to: int) -> int:
    return -(-size // to) * to
