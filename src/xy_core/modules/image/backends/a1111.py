"""Pictures from a server with the API of A1111's web UI (also Forge, SD.Next)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from xy_core.core.errors import BackendError
from xy_core.modules.image.backends.answers import parse_object, pictures, read_bounded, refusal
from xy_core.modules.image.backends.noise import REMOTE_NAMES
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.pixels import fitted, fitted_mask, png
from xy_core.modules.image.types import Generated, ImageEvent, ImageJob


class A1111Images:
    """See `RemoteImageEngine`: ``/sdapi/v1/txt2img`` and ``/sdapi/v1/img2img``."""

    def __init__(self, config: ImageConfig) -> None:
        self._config = config
        key = config.api_key.get_secret_value()
        user, _, password = key.partition(":")  # what --api-auth asks for
        self._client = httpx.AsyncClient(
            base_url=config.base_url, auth=(user, password) if key else None, timeout=config.timeout
        )

    async def generate(self, job: ImageJob) -> AsyncGenerator[ImageEvent, None]:
        """See `RemoteImageEngine`."""
        body = await asyncio.to_thread(_body, job, self._config.model)
        path = "/sdapi/v1/txt2img" if job.init is None else "/sdapi/v1/img2img"
        answer = parse_object(await self._post(path, body))
        made = await asyncio.to_thread(pictures, answer.get("images"), job.count, self._config)
        seeds = _seeds(answer.get("info"), job)
        for index, (pixels, seed) in enumerate(zip(made, seeds, strict=True)):
            yield Generated(index, pixels, seed)

    async def close(self) -> None:
        """See `RemoteImageEngine`."""
        await self._client.aclose()

    async def _post(self, path: str, body: dict[str, Any]) -> bytes:
        limit = self._config.timeout
        try:
            async with (
                asyncio.timeout(limit),
                self._client.stream("POST", path, json=body) as response,
            ):
                content = await read_bounded(response.aiter_bytes(), self._config.max_answer)
        except TimeoutError as error:
            raise BackendError(
                f"the image server did not answer within {limit:g} s: raise image.timeout"
            ) from error
        except httpx.HTTPError as error:
            raise BackendError(
                f"the image server {self._config.base_url} cannot be reached: {error!r}"
            ) from error
        if response.status_code != httpx.codes.OK:
            raise refusal(response.status_code, content)
        return content


def _body(job: ImageJob, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "prompt": job.prompt,
        "negative_prompt": job.negative,
        "width": job.width,
        "height": job.height,
        "steps": job.steps,
        "cfg_scale": job.guidance,
        "seed": job.seed,
        "sampler_name": REMOTE_NAMES[job.scheduler],
        "n_iter": 1,
        "batch_size": job.count,
        "override_settings": {"sd_model_checkpoint": model},
        "send_images": True,
        "save_images": False,
    }
    if job.init is not None:
        init = png(fitted(job.init, job.width, job.height))
        body |= {"init_images": [_text(init)], "denoising_strength": job.strength}
    if job.mask is not None:
        body["mask"] = _text(png(fitted_mask(job.mask, job.width, job.height)))
    return body


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _seeds(info: object, job: ImageJob) -> list[int | None]:
    """Return the seeds that the server says it took: ``info`` is JSON within the JSON."""
    try:
        told = json.loads(info)["all_seeds"] if isinstance(info, str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        told = None
    if isinstance(told, list) and len(told) >= job.count:
        return [seed if isinstance(seed, int) else None for seed in told[: job.count]]
    return [None] * job.count
