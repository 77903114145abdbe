"""Synthetic load: matrix work and pulses of memory, as long and as large as real models'."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xy_core.bench.experiments.chain import Chain, Part, Turn
from xy_core.bench.experiments.shapes import read_trace
from xy_core.bench.task_chain import Profile
from xy_core.core.errors import ConfigError

_SIDE = 192
"""Rows of the matrices that are multiplied: a product takes well under a millisecond."""
_PAGE = 4096
_CALIBRATE = 0.2
_NAMES = {
    "llm": "think",
    "vl": "vision",
    "vision": "vision",
    "sd": "draw",
    "image": "draw",
    "tts": "speak",
    "voice": "speak",
}
"""What a recorded task's id or name begins with, and the profile's field that it tells."""


@dataclass(frozen=True, slots=True)
class Work:
    """A fixed amount of matrix work and a pulse of memory.

    Attributes:
        products: how many matrix products.
        pulse: bytes that are taken, touched and given back.
    """

    products: int
    pulse: int

    def __call__(self, _turn: Turn) -> int:
        """Do it on the calling thread; numpy releases the interpreter meanwhile."""
        held = np.empty(self.pulse, np.uint8)
        held[::_PAGE] = 1
        matrix = np.full((_SIDE, _SIDE), 1e-3, np.float32)
        for _ in range(self.products):
            matrix = matrix @ matrix
        return int(held[0])


def products_a_second() -> float:
    """Measure how many products this machine does a second, on one thread."""
    work, rates = Work(50, _PAGE), []
    end = time.perf_counter() + _CALIBRATE
    while time.perf_counter() < end:
        begun = time.perf_counter()
        work(Turn(-1))
        rates.append(work.products / (time.perf_counter() - begun))
    return statistics.median(rates)


def synthetic_chain(profile: Profile, scale: float, rate: float) -> Chain:
    """Return the report's request: see, think, then speak beside draw.

    Args:
        profile: seconds and bytes of the parts; speech is a server's and costs nothing here.
        scale: seconds here for a second of the profile.
        rate: matrix products a second (see `products_a_second`).
    """

    def work(seconds: float, pulse: int) -> Work:
        return Work(max(1, round(seconds * scale * rate)), pulse)

    return (
        (Part("see", "device", work(profile.vision, profile.vision_working)),),
        (Part("think", "processor", work(profile.think, _PAGE)),),
        (
            Part("speak", "network", lambda _turn: None, wait=profile.speak * scale),
            Part("draw", "device", work(profile.draw, profile.image_working)),
        ),
    )


def calibrated(trace: Path) -> Profile:
    """Return the profile whose parts last as long as in a recorded trace (medians).

    Raises:
        ConfigError: the file is no trace, or has none of the parts.
    """
    seconds: dict[str, list[float]] = {}
    for row in read_trace(trace, "task_completed"):
        words = str(row.get("task_id", "")).removeprefix("task_"), str(row.get("name", ""))
        part = next(
            (field for word in words for start, field in _NAMES.items() if word.startswith(start)),
            None,
        )
        duration = row.get("duration_ms")
        if part is not None and isinstance(duration, int | float) and duration > 0:
            seconds.setdefault(part, []).append(duration / 1e3)
    if not seconds:
        raise ConfigError(f"{trace} has no tasks that a profile can be made of (llm, vl, sd, tts)")
    found = {part: statistics.median(values) for part, values in seconds.items()}
    return replace(Profile(), **found)  # type: ignore[arg-type]
