"""The ways through the noise, by name."""

from __future__ import annotations

from typing import Any

from xy_core.modules.image.types import SchedulerName

_CLASSES: dict[SchedulerName, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {}),
    "dpm++_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}
"""diffusers' class of each, and what it is told beside the model's own configuration."""

REMOTE_NAMES: dict[SchedulerName, str] = {
    "ddim": "DDIM",
    "pndm": "PLMS",
    "heun": "Heun",
    "euler": "Euler",
    "euler_a": "Euler a",
    "dpm++": "DPM++ 2M",
    "dpm++_karras": "DPM++ 2M Karras",
    "unipc": "UniPC",
    "lcm": "LCM",
}
"""The same in A1111's web UI (``sampler_name``)."""


def noise_scheduler(name: SchedulerName, config: Any) -> Any:  # noqa: ANN401 - the library has no types
    """Return diffusers' scheduler of that name, with a model's configuration.

    One that is new each time: it counts the steps of its run.
    """
    import diffusers  # noqa: PLC0415 - heavy

    kind, told = _CLASSES[name]
    return getattr(diffusers, kind).from_config(config, **told)
