"""Which slot of an engine serves which conversation, so that its prompt is still in the cache."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

ANY = -1
"""llama.cpp's word for the slot that it finds best itself."""


class SlotTable:
    """Lends the slots of an engine; safe for threads.

    A conversation gets the slot that it had before or, if that is busy or was never there, the
    free one that was used longest ago. A request of no conversation gets the free one that another
    such request used last: their prompts often begin alike, and it costs no conversation its
    cache. If none is free the engine lets the request wait.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free: OrderedDict[int, str] = OrderedDict.fromkeys(range(count), "")

    @contextmanager
    def lent(self, conversation: str) -> Iterator[int]:
        """Lend a slot inside the block; `ANY` if all are busy or nobody's cache is to be kept."""
        slot = self._take(conversation)
        try:
            yield slot
        finally:
            if slot != ANY:
                with self._lock:
                    self._free[slot] = conversation

    def _take(self, conversation: str) -> int:
        with self._lock:
            own = (slot for slot, owner in reversed(self._free.items()) if owner == conversation)
            slot = next(own, None)
            if slot is None:
                slot = next(iter(self._free), ANY)
            self._free.pop(slot, None)
            return slot
