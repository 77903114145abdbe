"""Checks a request and completes it from the configuration."""

from __future__ import annotations

import math
import secrets
from typing import get_args

import numpy as np

from xy_core.core.errors import ImageError, InputError
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.types import ImageJob, ImageRequest, SchedulerName

_GRID = 8
"""A latent stands for so many pixels in each direction (the VAE of SD 1.x)."""
_LEAST_SIDE = 64
_MAX_PROMPT = 4_000
_MAX_GUIDANCE = 50.0


def complete(request: ImageRequest, config: ImageConfig) -> ImageJob:
    """Return the request with all that it left open.

    Raises:
        InputError: something in it is impossible, or more than the configuration allows.
        ImageError: `init` or `mask` is not a picture.
    """
    _check_pictures(request)
    width, height = _size(request, config)
    job = ImageJob(
        prompt=_text(request.prompt, "prompt"),
        negative=_text(config.negative if request.negative is None else request.negative, ""),
        width=width,
        height=height,
        steps=config.steps if request.steps is None else request.steps,
        guidance=config.guidance if request.guidance is None else request.guidance,
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
        count=request.count,
        scheduler=request.scheduler or config.scheduler,
        init=request.init,
        mask=request.mask,
        strength=request.strength,
    )
    _check_numbers(job, config)
    return job


def _text(text: str, needed_as: str) -> str:
    stripped = text.strip()
    if needed_as and not stripped:
        raise InputError(f"the {needed_as} is empty: say what the picture shows")
    if len(stripped) > _MAX_PROMPT:
        raise InputError(f"the prompt has over {_MAX_PROMPT:,} characters: shorten it")
    try:
        stripped.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the prompt is not Unicode at character {error.start + 1}") from error
    return stripped


def _check_pictures(request: ImageRequest) -> None:
    init, mask = request.init, request.mask
    if init is not None and (init.ndim != 3 or init.shape[2] != 3 or init.dtype != np.uint8):  # noqa: PLR2004 - height, width, RGB
        raise ImageError(f"init must be RGB, uint8, not {init.dtype} of shape {init.shape}")
    if init is not None and 0 in init.shape:
        raise ImageError("init has no pixels: give a picture")
    if mask is None:
        return
    if init is None:
        raise InputError("a mask needs a picture that it belongs to: give init too")
    if mask.dtype != np.uint8 or mask.shape != init.shape[:2]:
        raise ImageError(
            f"the mask must be uint8 of init's size {init.shape[:2]}, "
            f"not {mask.dtype} of shape {mask.shape}"
        )


def _size(request: ImageRequest, config: ImageConfig) -> tuple[int, int]:
    """Return width and height; a picture to begin with is scaled to what may be painted."""
    if request.init is None or request.width is not None or request.height is not None:
        width = config.width if request.width is None else request.width
        height = config.height if request.height is None else request.height
        for side in (width, height):
            if side < _LEAST_SIDE or side % _GRID:
                raise InputError(
                    f"{width} x {height} cannot be painted: both sides must be multiples of "
                    f"{_GRID}, and {_LEAST_SIDE} at least"
                )
    else:
        width, height = _scaled(request.init.shape[1], request.init.shape[0], config)
    if width * height > config.max_pixels:
        raise InputError(
            f"{width} x {height} is too large: ask for {config.max_pixels:,} pixels at most, "
            "or raise image.max_pixels"
        )
    return width, height


def _scaled(width: int, height: int, config: ImageConfig) -> tuple[int, int]:
    """Return the size nearest to a picture's that fits into the configured area."""
    shrink = min(1.0, math.sqrt(config.width * config.height / (width * height)))
    sides = (max(_LEAST_SIDE, int(side * shrink) // _GRID * _GRID) for side in (width, height))
    most = max(_LEAST_SIDE, config.max_pixels // _LEAST_SIDE // _GRID * _GRID)
    first, second = (min(side, most) for side in sides)
    return first, second


def _check_numbers(job: ImageJob, config: ImageConfig) -> None:
    if job.scheduler not in get_args(SchedulerName):
        names = ", ".join(get_args(SchedulerName))
        raise InputError(f"no scheduler {job.scheduler!r}: there are {names}")
    bounds = {
        "steps": (job.steps, 1, config.max_steps),
        "count": (job.count, 1, config.max_count),
        "seed": (job.seed, 0, 2**32 - 1),
        "guidance": (job.guidance, 0, _MAX_GUIDANCE),
        "strength": (job.strength, 0.01, 1),
    }
    for name, (value, least, most) in bounds.items():
        if not least <= value <= most:  # NaN fails too
            raise InputError(f"{name} must lie from {least:g} to {most:g}, not at {value}")
    if job.init is not None and int(job.steps * job.strength) < 1:
        raise InputError("no step is left to paint: raise steps or strength")
