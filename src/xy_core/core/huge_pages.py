"""Lets models' processes keep their large buffers in huge pages."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "GLIBC_TUNABLES"
_TUNABLE = "glibc.malloc.hugetlb"
_starting = threading.Lock()


@contextmanager
def huge_pages() -> Iterator[None]:
    """Let processes that are started in the block ask Linux for huge pages.

    Engines take buffers of some 10 MB for each layer and give them back, so each page of them is
    faulted in anew: 108,000 pages of 4 KiB for one recording with Whisper base, a fifth of its
    time. With glibc 2.35 and transparent huge pages (``madvise``, as most systems have it) they
    are 2,500. A process reads the wish when it starts, so it stands in the environment for that
    moment; what the user has set for ``glibc.malloc.hugetlb`` goes before it.
    """
    with _starting:
        before = os.environ.get(_VARIABLE, "")
        if sys.platform != "linux" or _TUNABLE in before:
            yield
            return
        os.environ[_VARIABLE] = ":".join(filter(None, (before, f"{_TUNABLE}=1")))
        try:
            yield
        finally:
            if before:
                os.environ[_VARIABLE] = before
            else:
                del os.environ[_VARIABLE]
