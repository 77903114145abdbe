"""What the memory module does while nobody waits: write, embed, learn, tidy."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from xy_core.core.errors import XyCoreError
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority
from xy_core.modules.memory.types import FactDraft, Lesson, Memory, MoodPoint

Item = Memory | MoodPoint | Lesson
Extractor = Callable[[Sequence[Memory], Sequence[Memory]], Awaitable[Sequence[FactDraft]]]
"""Takes a conversation's last turns, oldest first, and the facts that are known of the person;
returns the facts that the turns tell. It may be cancelled and begun again."""
Note = Callable[[str, XyCoreError], None]
_BATCH = 32
_PEOPLE = 256


class Gathering:
    """Lets work gather until nothing has been going on for a while, unless somebody waits for it.

    Each piece of background work takes the processor from a turn that runs meanwhile.

    Args:
        quiet: seconds without `disturbed` after which the work is done.
        latest: seconds after which it is done in any case.
    """

    def __init__(self, quiet: float, latest: float) -> None:
        self._quiet = quiet
        self._latest = latest
        self._disturbed = -math.inf
        self._going_on = 0
        self._waiting = 0
        self._hurry = asyncio.Event()

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Say that something is going on that the work would delay, while the block runs."""
        self._going_on += 1
        try:
            yield
        finally:
            self._going_on -= 1
            self._disturbed = asyncio.get_running_loop().time()

    @property
    def quiet(self) -> bool:
        """Whether nothing has been going on for a while."""
        now = asyncio.get_running_loop().time()
        return not self._going_on and now >= self._disturbed + self._quiet

    async def over(self) -> None:
        """Return when the work is to be done."""
        now = asyncio.get_running_loop().time
        begun = now()
        while not self._hurry.is_set():
            last = now() if self._going_on else max(self._disturbed, begun)
            until = min(last + self._quiet, begun + self._latest)
            if now() >= until:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), until - now())

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Say that somebody waits, while the block runs."""
        self._waiting += 1
        self._hurry.set()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._hurry.clear()


class Writer:
    """Writes what is handed over, in order, in batches.

    Who reads waits for what was handed over of the same person before, never for what others, or
    later ones, hand over meanwhile. What nobody waits for gathers (see `Gathering`), and lets
    recalls go before it.
    """

    def __init__(self, most: int, gathering: Gathering) -> None:
        self._gathering = gathering
        self._queue: asyncio.Queue[Item] = asyncio.Queue(most)
        self._last: dict[str, int] = {}
        self._given = self._done = 0
        self._progress = asyncio.Condition()

    @property
    def waiting(self) -> int:
        """How many items are not written yet."""
        return self._queue.qsize()

    def recalling(self) -> AbstractContextManager[None]:
        """Say that somebody waits for a recall, while the block runs."""
        return self._gathering.disturbed()

    async def put(self, item: Item) -> None:
        """Hand one item over; waits only while too many are unwritten."""
        if self._queue.full():
            with self._gathering.hurried():
                await self._queue.put(item)
        else:
            self._queue.put_nowait(item)
        self._given += 1
        self._last[item.person] = self._given

    async def written(self, person: str | None = None) -> None:
        """Wait until all that was handed over, of one person or of all, is written."""
        until = self._given if person is None else self._last.get(person, 0)
        if self._done < until:
            with self._gathering.hurried():
                async with self._progress:
                    await self._progress.wait_for(lambda: self._done >= until)

    async def run(self, write: Callable[[Sequence[Item]], Awaitable[None]]) -> None:
        """Write for ever; `write` reports its own failures."""
        while True:
            batch = [await self._queue.get()]
            await self._gathering.over()
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await write(batch)
            finally:
                async with self._progress:
                    self._done += len(batch)
                    if self._done == self._given:
                        self._last.clear()
                    self._progress.notify_all()


class Learner:
    """Finds facts in what was said, one person after another, as LOW work that gives way.

    A person who says more before it is done with the last turn is looked at once, with all of it.
    """

    def __init__(self, scheduler: GlobalTaskScheduler, timeout: float, note: Note) -> None:
        self._scheduler = scheduler
        self._timeout = timeout
        self._note = note
        self._waiting: OrderedDict[str, Extractor] = OrderedDict()
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def ask(self, person: str, extract: Extractor) -> None:
        """Have a person's last turns looked at; returns at once."""
        self._waiting[person] = extract
        while len(self._waiting) > _PEOPLE:
            self._waiting.popitem(last=False)
        self._idle.clear()
        self._some.set()

    async def settled(self) -> None:
        """Wait until nobody waits."""
        await self._idle.wait()

    async def run(
        self,
        turns: Callable[[str], Awaitable[Sequence[Memory]]],
        known: Callable[[str], Awaitable[Sequence[Memory]]],
        learn: Callable[[Lesson], Awaitable[None]],
    ) -> None:
        """Learn for ever."""
        while True:
            await self._some.wait()
            while self._waiting:
                person, extract = self._waiting.popitem(last=False)
                try:
                    said = await turns(person)
                    drafts: Any = await self._scheduler.run(
                        extract,
                        said,
                        await known(person),
                        name="memory.extract",
                        priority=TaskPriority.LOW,
                        preemptible=True,
                        timeout=self._timeout,
                    )
                    if drafts:
                        await learn(_lesson(person, said, drafts))
                except XyCoreError as error:
                    self._note("facts of a turn were not found", error)
            self._some.clear()
            self._idle.set()


def _lesson(person: str, said: Sequence[Memory], drafts: Sequence[FactDraft]) -> Lesson:
    """Return the facts with the last turn of the person, which they are taken to come from."""
    own = [turn for turn in said if turn.role == "user"]
    if not own:
        return Lesson(person, drafts, 0.0, person)
    last = own[-1]
    return Lesson(person, drafts, last.time, person, last.id, last.emotion)
