"""Pictures from a server with OpenAI's images API, through its SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from PIL import Image

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.image.backends.answers import parse_object, pictures, read_bounded, refusal
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.pixels import fitted, fitted_mask, png
from xy_core.modules.image.types import Generated, ImageEvent, ImageJob, Mask

_ALWAYS_BASE64 = "gpt-image"
"""Models that answer in base64 and refuse to be asked for it."""


class OpenAIImages:
    """See `RemoteImageEngine`: ``/images/generations`` and ``/images/edits``.

    The API knows neither steps, guidance, seeds nor what a picture should not show.
    """

    def __init__(self, config: ImageConfig) -> None:
        """Open nothing yet.

        Raises:
            MissingExtraError: openai is not installed.
        """
        try:
            import openai  # noqa: PLC0415 - heavy
        except ImportError as error:
            raise MissingExtraError("openai", "image") from error
        self._config = config
        self._errors = (openai.APIStatusError, openai.OpenAIError)
        self._client: Any = openai.AsyncOpenAI(
            base_url=config.base_url,
            api_key=config.api_key.get_secret_value() or "none",
            timeout=config.timeout,
            max_retries=1,
        )

    async def generate(self, job: ImageJob) -> AsyncGenerator[ImageEvent, None]:
        """See `RemoteImageEngine`."""
        answer = parse_object(await self._ask(await asyncio.to_thread(self._arguments, job)))
        data = answer.get("data")
        encoded = (
            [one.get("b64_json") for one in data if isinstance(one, dict)]
            if isinstance(data, list)
            else None
        )
        made = await asyncio.to_thread(pictures, encoded, job.count, self._config)
        for index, pixels in enumerate(made):
            yield Generated(index, pixels, None)

    async def close(self) -> None:
        """See `RemoteImageEngine`."""
        await self._client.close()

    async def _ask(self, arguments: dict[str, Any]) -> bytes:
        images = self._client.images.with_streaming_response
        call = images.edit if "image" in arguments else images.generate
        limit = self._config.timeout
        status_error, any_error = self._errors
        try:
            async with asyncio.timeout(limit), call(**arguments) as response:
                return await read_bounded(response.iter_bytes(), self._config.max_answer)
        except TimeoutError as error:
            raise BackendError(
                f"the image server did not answer within {limit:g} s: raise image.timeout"
            ) from error
        except status_error as error:
            raise refusal(error.status_code, str(error.message).encode()) from error
        except any_error as error:
            raise BackendError(
                f"the image server {self._config.base_url} cannot be reached: {error}"
            ) from error

    def _arguments(self, job: ImageJob) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._config.model,
            "prompt": job.prompt,
            "n": job.count,
            "size": f"{job.width}x{job.height}",
        }
        if not self._config.model.startswith(_ALWAYS_BASE64):
            arguments["response_format"] = "b64_json"
        if job.init is not None:
            init = fitted(job.init, job.width, job.height)
            arguments["image"] = ("image.png", png(init), "image/png")
        if job.init is not None and job.mask is not None:
            arguments["mask"] = ("mask.png", png(_cut_out(init, job.mask)), "image/png")
        return arguments


def _cut_out(init: Image.Image, mask: Mask) -> Image.Image:
    """Return a picture that is transparent where it is to be painted anew, as the API wants it."""
    kept = 255 - np.asarray(fitted_mask(mask, init.width, init.height))
    cut = init.convert("RGBA")
    cut.putalpha(Image.fromarray(kept))
    return cut
