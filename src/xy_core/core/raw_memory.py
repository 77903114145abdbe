"""Copies bytes without the interpreter's lock: a large copy must not hold up the event loop."""

from __future__ import annotations

import ctypes
import mmap
from pickle import PickleBuffer

_SIMPLE = 0
"""PyBUF_SIMPLE of CPython's object.h: contiguous bytes, perhaps read-only."""


class _PyBuffer(ctypes.Structure):
    """``Py_buffer`` (CPython's C API reference, "Buffer structures")."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def copy_into(
    target: mmap.mmap, offset: int, source: PickleBuffer | memoryview | bytes, size: int
) -> None:
    """Copy `size` contiguous bytes to that place of a writable map.

    Slices of memoryviews would do the same, but hold the interpreter's lock meanwhile.
    """
    place = (ctypes.c_char * size).from_buffer(target, offset)  # checks that they fit
    view = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(source), ctypes.byref(view), _SIMPLE)
    try:
        ctypes.memmove(place, view.buf, size)
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))
