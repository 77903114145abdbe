"""The simulated device: its memory, its copy engine, its processor, its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from xy_core.core.clock import run_virtual
from xy_core.core.device import Device, DeviceKind
from xy_core.core.errors import DeviceLost, OutOfDeviceMemory
from xy_core.core.sim_device import OTHERS, SimDevice

GIB = 2**30


def took(work: Callable[[], Awaitable[Any]]) -> float:
    """Virtual seconds that the work takes."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await work()
        return loop.time() - begun

    return run_virtual(main())


async def together(*works: Coroutine[Any, Any, Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


def test_it_is_a_device():
    device = SimDevice(memory=8 * GIB)
    assert isinstance(device, Device)
    assert device.kind is DeviceKind.SIM
    assert device.read_memory().free == 8 * GIB


def test_loading_takes_size_over_bandwidth_one_after_another():
    device = SimDevice(memory=8 * GIB, load_bandwidth=GIB)
    assert took(lambda: together(device.load(2 * GIB), device.load(GIB))) == pytest.approx(3.0)
    assert device.load_seconds == pytest.approx(3.0)
    assert device.used == 3 * GIB


def test_memory_is_taken_when_loading_begins():
    async def main() -> None:
        device = SimDevice(memory=8 * GIB, load_bandwidth=GIB)
        loading = asyncio.ensure_future(device.load(5 * GIB))
        await asyncio.sleep(0.1)
        assert device.read_memory().free == 3 * GIB
        with pytest.raises(OutOfDeviceMemory):
            await device.load(4 * GIB)
        await loading
        assert device.out_of_memory_errors == 1

    run_virtual(main())


def test_a_cancelled_load_gives_its_memory_and_its_turn_back():
    async def main() -> None:
        device = SimDevice(memory=8 * GIB, load_bandwidth=GIB)
        first = asyncio.ensure_future(device.load(6 * GIB))
        second = asyncio.ensure_future(device.load(GIB))
        await asyncio.sleep(1.0)
        first.cancel()
        begun = asyncio.get_running_loop().time()
        await second
        assert asyncio.get_running_loop().time() - begun == pytest.approx(1.0)
        assert device.used == GIB

    run_virtual(main())


def test_unloaded_memory_comes_back_after_the_delay():
    async def main() -> None:
        device = SimDevice(memory=8 * GIB, return_delay=0.5)
        await device.load(6 * GIB)
        device.unload(6 * GIB)
        assert device.read_memory().free == 2 * GIB
        with pytest.raises(OutOfDeviceMemory):
            await device.compute(1.0, working=3 * GIB)
        await asyncio.sleep(0.6)
        assert device.read_memory().free == 8 * GIB

    run_virtual(main())


def test_more_than_is_loaded_cannot_be_unloaded():
    with pytest.raises(ValueError, match="only 0 are loaded"):
        SimDevice(memory=GIB).unload(1)


def test_computations_share_the_speed():
    device = SimDevice(memory=GIB, speed=2.0)
    assert took(lambda: device.compute(4.0)) == pytest.approx(2.0)
    assert took(lambda: together(device.compute(4.0), device.compute(4.0))) == pytest.approx(4.0)
    assert device.busy_seconds == pytest.approx(6.0)
    assert device.running == 0


def test_computing_goes_on_while_a_model_loads():
    device = SimDevice(memory=8 * GIB, load_bandwidth=GIB)
    assert took(lambda: together(device.load(2 * GIB), device.compute(2.0))) == pytest.approx(2.0)


def test_a_batch_has_the_configured_throughput():
    device = SimDevice(memory=GIB, batch_efficiency=1.3, batch_size=4)
    assert took(lambda: device.compute(1.0, batch=4)) == pytest.approx(4 / 1.3)
    assert took(lambda: device.compute(1.0, batch=1)) == pytest.approx(1.0)
    gains = [n / device.batch_cost(n) for n in range(1, 65)]
    assert gains == sorted(gains)
    assert gains[7] == pytest.approx(1.37, abs=0.005)


def test_batches_gain_nothing_unless_configured():
    assert SimDevice(memory=GIB).batch_cost(8) == pytest.approx(8.0)


def test_working_memory_is_held_for_the_block_over_all_steps():
    async def main() -> None:
        device = SimDevice(memory=8 * GIB)
        async with device.computing(5 * GIB):
            for _ in range(3):
                await device.compute(1.0)
                assert device.used == 5 * GIB
            with pytest.raises(OutOfDeviceMemory):
                await device.compute(1.0, working=4 * GIB)
        assert device.used == 0
        assert device.peak_bytes == 5 * GIB
        assert device.busy_seconds == pytest.approx(3.0)

    run_virtual(main())


def test_a_cancelled_computation_leaves_nothing_behind():
    async def main() -> None:
        device = SimDevice(memory=GIB)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await device.compute(1.0, working=GIB)
        assert (device.used, device.running) == (0, 0)
        assert device.busy_seconds == pytest.approx(0.5)

    run_virtual(main())


def test_other_programs_use_what_we_do_not():
    async def main() -> None:
        device = SimDevice(memory=8 * GIB, foreign=GIB)
        await device.load(2 * GIB)
        assert device.occupy(3 * GIB) == 3 * GIB
        reading = device.read_memory()
        assert reading.free == 3 * GIB
        assert reading.by_process == {os.getpid(): 2 * GIB, OTHERS: 3 * GIB}
        assert device.occupy(20 * GIB) == 6 * GIB
        assert device.read_memory().free == 0
        assert device.occupy(0) == 0

    run_virtual(main())


def test_a_lost_device_ends_everything_in_device_lost():
    async def main() -> None:
        device = SimDevice(memory=8 * GIB, load_bandwidth=GIB)
        works = [
            asyncio.ensure_future(work)
            for work in (device.load(GIB), device.load(GIB), device.compute(5.0, working=GIB))
        ]
        await asyncio.sleep(0.5)
        device.fail()
        await asyncio.wait(works)
        assert all(isinstance(work.exception(), DeviceLost) for work in works)
        assert device.used == 0
        with pytest.raises(DeviceLost):
            device.read_memory()
        with pytest.raises(DeviceLost):
            await device.load(1)
        with pytest.raises(DeviceLost):
            await device.compute(1.0)

    run_virtual(main())


def test_two_runs_see_the_same():
    async def main() -> list[tuple[str, float]]:
        device = SimDevice(memory=GIB, load_bandwidth=GIB / 4)
        seen = []

        async def one(name: str, seconds: float) -> None:
            await device.load(GIB // 100)
            await device.compute(seconds)
            seen.append((name, asyncio.get_running_loop().time()))

        await together(*(one(f"task {n}", 0.3 + n % 7 / 10) for n in range(40)))
        return seen

    assert run_virtual(main()) == run_virtual(main())


def test_it_works_in_real_time_too():
    async def main() -> tuple[float, float]:
        device = SimDevice(memory=GIB, load_bandwidth=100 * GIB)
        begun = asyncio.get_running_loop().time()
        await together(device.load(GIB), device.compute(0.02), device.compute(0.02))
        return asyncio.get_running_loop().time() - begun, device.busy_seconds

    wall, busy = asyncio.run(main())
    assert wall >= 0.04 - 1e-6
    assert busy == pytest.approx(0.04)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": 0},
        {"memory": 1, "speed": 0.0},
        {"memory": 1, "load_bandwidth": -1.0},
        {"memory": 1, "return_delay": -1.0},
        {"memory": 1, "batch_efficiency": 0.9},
        {"memory": 1, "batch_efficiency": 5.0},
        {"memory": 1, "batch_size": 1},
    ],
)
def test_senseless_sizes_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match="must"):
        SimDevice(**wrong)
