"""Processor sharing: n computations get 1/n each, exactly."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.clock import run_virtual
from xy_core.core.sharing import SharedRate

ARRIVALS = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0, 10), st.none() | st.floats(0, 15)),
    min_size=1,
    max_size=12,
)
"""Moment of arrival, work, and after how long it is given up, if at all."""


def simulate(rate: float, arrivals: list[tuple[float, float, float | None]]):
    """When each ended, None if it was given up; and for how long anything ran."""

    async def main() -> tuple[list[float | None], float]:
        loop = asyncio.get_running_loop()
        shared, begun = SharedRate(rate), loop.time()

        async def one(arrival: float, work: float, patience: float | None) -> float | None:
            await asyncio.sleep(arrival)
            try:
                async with asyncio.timeout(patience):
                    await shared.serve(work)
            except TimeoutError:
                return None
            return loop.time() - begun

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*arrival)) for arrival in arrivals]
        assert shared.running == 0
        return [task.result() for task in tasks], shared.busy_seconds()

    return run_virtual(main())


def by_small_steps(rate: float, arrivals: list[tuple[float, float]]) -> list[float]:
    """The same, event by event, written the slow and obvious way."""
    left: dict[int, float] = {}
    ended = [0.0] * len(arrivals)
    coming = sorted(range(len(arrivals)), key=lambda n: arrivals[n][0])
    now = 0.0
    while coming or left:
        until = arrivals[coming[0]][0] if coming else float("inf")
        if left:
            end = now + min(left.values()) * len(left) / rate
            until = min(until, end)
        for number in left:
            left[number] -= (until - now) * rate / len(left)
        now = until
        for number in [n for n, rest in left.items() if rest <= 1e-9]:
            ended[number] = now
            del left[number]
        while coming and arrivals[coming[0]][0] <= now:
            number = coming.pop(0)
            left[number] = arrivals[number][1]
    return ended


def test_one_alone_has_the_whole_rate():
    assert simulate(2.0, [(0.0, 3.0, None)]) == ([1.5], 1.5)


def test_two_share_and_the_longer_goes_on_alone():
    ended, busy = simulate(1.0, [(0.0, 1.0, None), (0.0, 3.0, None)])
    assert ended == pytest.approx([2.0, 4.0])
    assert busy == pytest.approx(4.0)


def test_what_is_given_up_leaves_its_part_to_the_others():
    ended, _ = simulate(1.0, [(0.0, 4.0, None), (0.0, 4.0, 2.0)])
    assert ended[0] == pytest.approx(5.0)
    assert ended[1] is None


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 10)), min_size=1, max_size=12))
def test_ends_are_those_of_the_obvious_simulation(arrivals: list[tuple[float, float]]):
    ended, busy = simulate(1.5, [(*arrival, None) for arrival in arrivals])
    assert ended == pytest.approx(by_small_steps(1.5, arrivals), abs=1e-5)
    assert busy == pytest.approx(sum(work for _, work in arrivals) / 1.5, abs=1e-5)


@given(ARRIVALS)
def test_whatever_is_given_up_the_rest_ends(arrivals: list[tuple[float, float, float | None]]):
    ended, busy = simulate(1.0, arrivals)
    patient = [n for n, arrival in enumerate(arrivals) if arrival[2] is None]
    assert all(ended[n] is not None for n in patient)
    assert busy <= sum(work for _, work, _ in arrivals) + 1e-6


def test_work_is_conserved_among_ten_thousand():
    source = random.Random(7)  # noqa: S311 - the same arrivals each time
    arrivals = [(source.uniform(0, 100), source.expovariate(20.0), None) for _ in range(10_000)]
    _, busy = simulate(5.0, arrivals)
    assert busy == pytest.approx(sum(work for _, work, _ in arrivals) / 5.0)


def test_a_late_timer_loses_nothing():
    async def main() -> list[float]:
        shared = SharedRate(1.0)
        ends: list[float] = []
        first = asyncio.ensure_future(shared.serve(0.010))
        second = asyncio.ensure_future(shared.serve(0.030))
        await asyncio.sleep(0)
        time.sleep(0.060)  # noqa: ASYNC251 - the loop is to be late
        await asyncio.wait_for(asyncio.gather(first, second), 1.0)
        ends.append(shared.busy_seconds())
        return ends

    assert asyncio.run(main()) == pytest.approx([0.040])


def test_failing_ends_all_that_is_served():
    async def main() -> list[BaseException | None]:
        shared = SharedRate(1.0)
        works = [asyncio.ensure_future(shared.serve(1.0)) for _ in range(3)]
        await asyncio.sleep(0.5)
        shared.fail(RuntimeError("gone"))
        await asyncio.wait(works)
        return [work.exception() for work in works]

    assert [str(error) for error in run_virtual(main())] == ["gone"] * 3
