"""Four ways to run requests without us: a loop, coroutines that block, threads, the report's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, Self

from xy_core.bench.experiments.chain import Chain, Part, Turn
from xy_core.bench.experiments.record import Recorder
from xy_core.bench.report_scheduler import ReportScheduler


class Policy(Protocol):
    """Runs requests; entered before the first, left after the last."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exception: object) -> None: ...

    async def request(self, turn: Turn) -> None:
        """Serve one request to its end."""

    def finish(self) -> None:
        """Complete the record, once all requests have ended."""


class Naive:
    """The report's naive program: `asyncio.gather` over coroutines that call models directly.

    A call blocks the loop while it computes; only waiting for the network lets others go on. No
    needless turn of the loop is put between two parts: each would let younger requests overtake
    and so make the older ones, and the median, later.
    """

    def __init__(self, chain: Chain, recorder: Recorder) -> None:
        self._chain = chain
        self._recorder = recorder

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        pass

    async def request(self, turn: Turn) -> None:
        """See `Policy`."""
        for stage in self._chain:
            if self.overlaps(stage):
                await asyncio.gather(*(self.part(part, turn) for part in stage))
            else:
                for part in stage:
                    await self.part(part, turn)

    def finish(self) -> None:
        """See `Policy`; spans were recorded as they happened."""

    def overlaps(self, stage: Sequence[Part]) -> bool:
        """Whether running a stage's parts side by side gains anything: none do that all block."""
        return len(stage) > 1 and any(part.wait for part in stage)

    async def part(self, part: Part, turn: Turn) -> None:
        """Run one part where this policy runs it."""
        self.work(part, turn)
        await self.wait(part, turn)

    def work(self, part: Part, turn: Turn) -> None:
        """Compute one part on the calling thread."""
        if not part.wait:
            with self._recorder.span(turn.number, part.name, part.place):
                turn.found[part.name] = part.work(turn)

    async def wait(self, part: Part, turn: Turn) -> None:
        """Wait for the network, if the part is a server's."""
        if part.wait:
            with self._recorder.span(turn.number, part.name, part.place):
                await asyncio.sleep(part.wait)


class Serial(Naive):
    """One request after the other, one part after the other."""

    def __init__(self, chain: Chain, recorder: Recorder) -> None:
        super().__init__(tuple((part,) for stage in chain for part in stage), recorder)
        self._turn = asyncio.Lock()

    async def request(self, turn: Turn) -> None:
        """See `Policy`."""
        async with self._turn:
            await super().request(turn)


class Threads(Naive):
    """What a careful programmer writes without a scheduler: every call in `asyncio.to_thread`."""

    def overlaps(self, stage: Sequence[Part]) -> bool:
        """See `Naive`."""
        return len(stage) > 1

    async def part(self, part: Part, turn: Turn) -> None:
        """See `Naive`."""
        await asyncio.to_thread(self.work, part, turn)
        await self.wait(part, turn)


class Report(Threads):
    """The report's scheduler: one queue of four workers, and one lock round all GPU work.

    Its table 1 gives the GPU seeing, thinking, speaking and drawing; its CPU work goes to threads.
    Speech that a server makes needs no lock (section 6.2).
    """

    def __init__(self, chain: Chain, recorder: Recorder) -> None:
        super().__init__(chain, recorder)
        self._scheduler = ReportScheduler()

    async def __aenter__(self) -> Self:
        await self._scheduler.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._scheduler.__aexit__(*exception)

    async def part(self, part: Part, turn: Turn) -> None:
        """See `Naive`."""
        locked = part.name != "hear" and part.place != "network"
        threaded = super().part
        await (await self._scheduler.schedule(lambda: threaded(part, turn), uses_gpu=locked))
