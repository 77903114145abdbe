"""The vectors of those who were recalled lately, in memory, searched through to the last.

At 100,000 vectors of 768 numbers, a core of the machine that the project is measured on needs 7 ms
a search over int8 (77 MB) with simsimd, 23 ms over float32 (307 MB) with numpy. Looking at every
vector needs no index that must be built, saved and encrypted, gives nobody's memories to somebody
else, and forgets at once; sqlite-vec needs a Python whose SQLite may load extensions, which many
are not, and usearch's exact search (2.26) hung, and once crashed, where the scheduler's threads
called it. One bit a number (Hamming distance), asked for 4 % of 6,436 sentences, lost 4 % of the
five nearest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError
from xy_core.modules.memory.dots import cosines, quantised
from xy_core.modules.memory.query import Vectors

Ids = npt.NDArray[np.int64]
Load = Callable[[], tuple[Sequence[int], Sequence[bytes]]]
HALF = np.dtype("<f2")
_PEOPLE = 64
_SPARE = 1.5
_BATCH = 4096
"""Vectors that are read into memory at a time."""
T = TypeVar("T", bound=np.generic)


class VectorIndex:
    """Unit vectors by person; any thread may call."""

    def __init__(self) -> None:
        self._people: OrderedDict[str, _Matrix] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(
        self, person: str, vector: Vectors, *, most: int, least: float, beside: Ids, load: Load
    ) -> dict[int, float]:
        """Return the ids of memories that mean the most alike, with their cosines.

        Args:
            person: whose.
            vector: the query, float32 (dimensions,), of length 1.
            most: how many at most.
            least: the least cosine.
            beside: further memories whose cosine is asked for, however little it is.
            load: reads the person's vectors, as half-precision bytes, if they are not here yet.

        Raises:
            BackendError: the vector is not as long as those that are kept.
        """
        with self._lock:
            matrix = self._people.get(person)
            if matrix is None:
                matrix = self._people[person] = _Matrix(*load())
            self._people.move_to_end(person)
            while len(self._people) > _PEOPLE:
                self._people.popitem(last=False)
            return matrix.nearest(vector, most, least, beside)

    def add(self, person: str, ids: Sequence[int], vectors: Sequence[bytes]) -> None:
        """Add vectors of a person, if those that were there before are here."""
        with self._lock:
            if person in self._people:
                self._people[person].add(ids, vectors)

    def discard(self, person: str, ids: Collection[int]) -> None:
        """Take memories of a person out."""
        with self._lock:
            if person in self._people:
                self._people[person].discard(ids)

    def clear(self) -> None:
        """Take everybody's out."""
        with self._lock:
            self._people.clear()


class _Matrix:
    """Rows with their ids; there is room for more than are used."""

    def __init__(self, ids: Sequence[int], vectors: Sequence[bytes]) -> None:
        self._count = len(ids)
        self._ids: Ids = np.array(ids, np.int64)
        width = len(vectors[0]) // HALF.itemsize if vectors else 0
        self._rows = np.empty((len(ids), width), np.int8)
        self._steps = np.empty(len(ids), np.float32)
        for start in range(0, len(ids), _BATCH):
            end = min(start + _BATCH, len(ids))
            halves = np.frombuffer(b"".join(vectors[start:end]), HALF).reshape(-1, width)
            found = quantised(halves.astype(np.float32))
            self._rows[start:end], self._steps[start:end] = found

    def add(self, ids: Sequence[int], vectors: Sequence[bytes]) -> None:
        fresh = _Matrix(ids, vectors)
        if not self._count:
            self._ids, self._rows, self._steps = fresh._ids, fresh._rows, fresh._steps
            self._count = fresh._count
            return
        self.discard(ids)
        end = self._count + fresh._count
        if end > len(self._ids):
            room = int(end * _SPARE)
            self._ids = _grown(self._ids, self._count, room)
            self._rows = _grown(self._rows, self._count, room)
            self._steps = _grown(self._steps, self._count, room)
        self._ids[self._count : end] = fresh._ids
        self._rows[self._count : end] = fresh._rows
        self._steps[self._count : end] = fresh._steps
        self._count = end

    def discard(self, ids: Collection[int]) -> None:
        used = self._ids[: self._count]
        kept = ~np.isin(used, np.fromiter(ids, np.int64, len(ids)))
        left = int(kept.sum())
        if left < self._count:
            self._ids[:left] = used[kept]
            self._rows[:left] = self._rows[: self._count][kept]
            self._steps[:left] = self._steps[: self._count][kept]
            self._rows[left : self._count] = 0  # what is forgotten leaves memory as well
            self._count = left

    def nearest(self, vector: Vectors, most: int, least: float, beside: Ids) -> dict[int, float]:
        if not self._count:
            return {}
        if vector.shape != self._rows.shape[1:]:
            raise BackendError(
                f"a query of {vector.size} numbers cannot be compared with memories of "
                f"{self._rows.shape[1]}: the embedder has changed; restart the memory module"
            )
        ids, used = self._ids[: self._count], slice(self._count)
        similarity = cosines(self._rows[used], self._steps[used], vector)
        best = np.argpartition(-similarity, min(most, self._count - 1))[:most]
        rows = np.union1d(best[similarity[best] >= least], np.flatnonzero(np.isin(ids, beside)))
        return {int(ids[row]): float(similarity[row]) for row in rows}


def _grown(values: npt.NDArray[T], count: int, room: int) -> npt.NDArray[T]:
    """Return the first values in an array that has room for more."""
    grown = np.zeros((room, *values.shape[1:]), values.dtype)
    grown[:count] = values[:count]
    return grown


def packed(vectors: Vectors) -> list[bytes]:
    """Return each vector as half-precision little-endian bytes, as stores keep them."""
    return [row.astype(HALF).tobytes() for row in vectors]
