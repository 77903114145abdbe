"""The environment variables that models' processes start with."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_TUNABLES = "GLIBC_TUNABLES"
_HUGE_PAGES = "glibc.malloc.hugetlb"
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_starting = threading.Lock()


@contextmanager
def host_environment() -> Iterator[None]:
    """Let processes that are started in the block compute economically.

    - Huge pages. Engines take buffers of some 10 MB for each layer and give them back, so each
      page of them is faulted in anew: 108,000 pages of 4 KiB for one recording with Whisper base,
      a fifth of its time. With glibc 2.35 and transparent huge pages (``madvise``, as most systems
      have it) they are 2,500.
    - One thread for numpy. OpenBLAS starts as many as there are cores, and each spins for a tenth
      of a second after a product of small matrices: a core that another model could have. Engines
      have threads of their own for what is large.

    A process reads these when it starts, so they stand in the environment for that moment; what
    the user has set for any of them goes before.
    """
    with _starting:
        wishes = _wishes(os.environ)
        before = {variable: os.environ.get(variable) for variable in wishes}
        os.environ.update(wishes)
        try:
            yield
        finally:
            for variable, value in before.items():
                if value is None:
                    del os.environ[variable]
                else:
                    os.environ[variable] = value


def _wishes(environment: Mapping[str, str]) -> dict[str, str]:
    wishes = {}
    if _BLAS_THREADS not in environment:
        wishes[_BLAS_THREADS] = "1"
    tunables = environment.get(_TUNABLES, "")
    if sys.platform == "linux" and _HUGE_PAGES not in tunables:
        wishes[_TUNABLES] = ":".join(filter(None, (tunables, f"{_HUGE_PAGES}=1")))
    return wishes
