"""What this process and a scheduler hold: every engine's suite checks that use leaves none of it.

Libraries keep pools of threads and open files after their first use, which is no leak; what grows
with each further use is one. So a check uses the engine once beforehand, and several times inside.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from xy_core.core.scheduler import GlobalTaskScheduler

TIMES = 4
"""Uses inside a check: what leaks one thread or file a use has leaked as many."""
_WITHIN = 20.0
_SPARE = 2
"""What may be there by chance: the interpreter's own, and a pool that was slow to fill."""
_OWN = Path("/proc/self")


def held() -> Counter[str]:
    """Count native threads (of libraries too), and open files by what they are."""
    gc.collect()
    found: Counter[str] = Counter()
    found["threads"] = len([*(_OWN / "task").iterdir()])
    for entry in (_OWN / "fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # the one that listed the folder
            continue
        kind = target.partition(":")[0] if ":" in target else "file"
        found[kind] += 1
    return found


def more(now: Counter[str], before: Counter[str]) -> dict[str, int]:
    """Return what there is more of than there was, beyond chance."""
    return {kind: grown for kind in now if (grown := now[kind] - before[kind]) > _SPARE}


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that what is done inside, `TIMES` times, leaves no thread and no open file."""
    _need_proc()
    before = held()
    yield
    end = time.monotonic() + _WITHIN
    while grown := more(held(), before):
        assert time.monotonic() < end, f"left behind by {TIMES} uses: {grown}"
        time.sleep(0.05)  # a thread that was told to end takes a moment


@asynccontextmanager
async def nothing_left_of(*schedulers: GlobalTaskScheduler) -> AsyncIterator[None]:
    """Check the same, and that the schedulers have the leases, users and tasks they had."""
    _need_proc()
    before, booked = held(), [_booked(one) for one in schedulers]
    yield
    end = time.monotonic() + _WITHIN
    while True:
        grown = more(held(), before)
        now = [_booked(one) for one in schedulers]
        if not grown and now == booked:
            return
        assert time.monotonic() < end, f"left behind by {TIMES} uses: {grown}, {booked} -> {now}"
        await asyncio.sleep(0.05)  # as above


def _booked(scheduler: GlobalTaskScheduler) -> tuple[object, ...]:
    """Return what is promised and used at this moment."""
    lanes = sum(lane.running + lane.waiting for lane in scheduler.statistics().values())
    devices = scheduler.devices()
    leases = tuple((one.holder, one.size) for device in devices for one in device.leases)
    users = tuple((one.name, one.users) for device in devices for one in device.models)
    return lanes, leases, users


def _need_proc() -> None:
    if not _OWN.exists():
        pytest.skip("what a process holds is counted where there is /proc")
