"""What batches and further devices bring, on the simulated machine."""

from __future__ import annotations

import asyncio

from xy_core.bench.load import Outcome, at_once, offer
from xy_core.bench.result import Check, Figures
from xy_core.bench.task_chain import Machine, Profile, sim_model
from xy_core.core.batching import Batching
from xy_core.core.clock import run_virtual
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice
from xy_core.core.task import TaskType

_IMAGES = 40
_EFFICIENCY = 1.3
"""Throughput of the image model at a batch of four, relative to single images."""
_REQUESTS = 200
_LEAST = {2: 1.9, 4: 3.7}
"""How many times as much so many devices must serve."""


def batching_gain(rows: dict[str, Figures]) -> Check:
    """Draw many images one by one, and in batches of four."""
    alone = run_virtual(_draw(None)).throughput
    batched = run_virtual(_draw(Batching(max_size=4))).throughput
    rows["batching"] = {
        "images_per_second_alone": round(alone, 5),
        "images_per_second_batched": round(batched, 5),
    }
    return Check("batching_gain", round(batched / alone, 4), 1.2, "at least")


async def _draw(batching: Batching | None) -> Outcome:
    profile = Profile()
    gpu = SimDevice(
        "sim:0",
        memory=profile.memory,
        load_bandwidth=profile.load_bandwidth,
        batch_efficiency=_EFFICIENCY,
        batch_size=4,
    )

    async def draw(device: SimDevice, prompts: list[str]) -> list[str]:
        await device.compute(profile.draw, batch=len(prompts))
        return prompts

    async with GlobalTaskScheduler(_config(gpu), devices=[gpu]) as scheduler:
        scheduler.register_model(sim_model("image", profile.image_bytes, [gpu]))

        async def one() -> None:
            await scheduler.run(
                draw,
                "a lake" if batching else ["a lake"],
                task_type=TaskType.GPU_BOUND,
                model="image",
                memory=profile.image_working,
                batching=batching,
            )

        return await offer(one, at_once(_IMAGES))


def device_gain(rows: dict[str, Figures]) -> list[Check]:
    """Serve many pictures and images on one, two and four devices."""
    served = {count: run_virtual(_on_devices(count)).throughput for count in (1, *_LEAST)}
    rows["devices"] = {
        f"requests_per_second_on_{count}": round(rate, 5) for count, rate in served.items()
    }
    return [
        Check(f"{count}_devices_gain", round(served[count] / served[1], 4), least, "at least")
        for count, least in _LEAST.items()
    ]


async def _on_devices(count: int) -> Outcome:
    machine = Machine(Profile(), gpus=count)
    async with GlobalTaskScheduler(_config(*machine.gpus), devices=machine.gpus) as scheduler:
        for spec in machine.models():
            scheduler.register_model(spec)

        async def one() -> None:
            async with asyncio.TaskGroup() as group:
                for model, stage in (("vision", machine.see), ("image", machine.draw)):
                    work = scheduler.run(stage, task_type=TaskType.GPU_BOUND, model=model)
                    group.create_task(work)

        return await offer(one, at_once(_REQUESTS))


def _config(*devices: SimDevice) -> SchedulerConfig:
    return SchedulerConfig(
        devices=tuple(DeviceConfig(name=device.name, slots=1) for device in devices)
    )
