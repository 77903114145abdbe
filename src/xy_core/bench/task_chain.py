"""The report's standard multimodal task, on simulated hardware.

Each request looks at a picture (vision, on the device), thinks (a language model, on the
processor), and then speaks (a server on the network) while it draws (image, on the device).
Seconds are those of the report's trace (section 8.1); speech, which it does not time, takes 2 s.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from xy_core.core.compute import give_way_async
from xy_core.core.model import ModelSpec, Variant
from xy_core.core.sim_device import SimDevice

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Profile:
    """How long the parts of a request take, and what they need.

    Attributes:
        vision: seconds of the device for one picture.
        think: seconds of the processor for one reply.
        speak: seconds that the speech server takes; it serves any number at once.
        draw: seconds of the device for one image, in `steps` steps.
        tokens: length of a reply, and of what is said about a picture.
        steps: diffusion steps.
        vision_bytes: size of the vision model on the device.
        image_bytes: size of the image model.
        vision_working: working memory of one look.
        image_working: working memory of one image.
        memory: the device's memory.
        load_bandwidth: bytes a second at which models come to the device.
    """

    vision: float = 5.0
    think: float = 6.0
    speak: float = 2.0
    draw: float = 17.0
    tokens: int = 60
    steps: int = 20
    vision_bytes: int = 9 * GIB // 4
    image_bytes: int = 11 * GIB // 4
    vision_working: int = GIB // 16
    image_working: int = GIB // 8
    memory: int = 8 * GIB
    load_bandwidth: float = 2.0 * GIB


class Machine:
    """One small machine: devices, a processor, and a speech server on the network.

    Attributes:
        profile: what the parts of a request take.
        gpus: the devices.
        cpu: the processor, shared by all that compute on it.
    """

    def __init__(self, profile: Profile, gpus: int = 1) -> None:
        self.profile = profile
        self.gpus = [
            SimDevice(f"sim:{number}", memory=profile.memory, load_bandwidth=profile.load_bandwidth)
            for number in range(gpus)
        ]
        self.cpu = SimDevice("cpu", memory=16 * GIB, load_bandwidth=profile.load_bandwidth)

    @property
    def out_of_memory(self) -> int:
        """How often a load or a computation did not fit."""
        return sum(gpu.out_of_memory_errors for gpu in self.gpus)

    async def see(self, gpu: SimDevice) -> None:
        """Look at one picture and say what it shows, token by token."""
        profile = self.profile
        async with gpu.computing(profile.vision_working):
            await _in_steps(gpu, profile.vision, profile.tokens)

    async def think(self) -> None:
        """Write one reply, token by token."""
        await _in_steps(self.cpu, self.profile.think, self.profile.tokens)

    async def speak(self) -> None:
        """Say one reply."""
        await asyncio.sleep(self.profile.speak)

    async def draw(self, gpu: SimDevice) -> None:
        """Draw one image, step by step."""
        profile = self.profile
        async with gpu.computing(profile.image_working):
            await _in_steps(gpu, profile.draw, profile.steps)

    def models(self) -> tuple[ModelSpec[SimDevice], ...]:
        """Return the device's models, which load to the device that holds them."""
        sizes = {"vision": self.profile.vision_bytes, "image": self.profile.image_bytes}
        return tuple(sim_model(name, size, self.gpus) for name, size in sizes.items())


async def _in_steps(device: SimDevice, seconds: float, steps: int) -> None:
    """Compute, and let more urgent work go first between two steps."""
    for _ in range(steps):
        await give_way_async()
        await device.compute(seconds / steps)


def sim_model(name: str, size: int, gpus: list[SimDevice]) -> ModelSpec[SimDevice]:
    """Return a model of that many bytes which computes on the simulated device that holds it."""
    by_name = {gpu.name: gpu for gpu in gpus}

    async def load(device: str, variant: Variant) -> SimDevice:
        gpu = by_name[device]
        await gpu.load(variant.device_bytes)
        return gpu

    async def unload(gpu: SimDevice) -> None:
        gpu.unload(size)

    return ModelSpec(name, (Variant("full", size),), load, unload)
