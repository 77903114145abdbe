"""What servers answer, read within bounds."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator
from typing import Any

from xy_core.core.errors import BackendError
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.pixels import decode_answer
from xy_core.modules.image.types import Pixels

_SHOWN = 200
"""Characters of a server's own words that an error repeats."""


async def read_bounded(chunks: AsyncIterator[bytes], most: int) -> bytes:
    """Return an answer's body.

    Raises:
        BackendError: it is longer than `most` bytes.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise BackendError(
                f"the image server's answer is longer than {most:,} bytes: "
                "ask for less, or raise image.max_answer"
            )
    return bytes(body)


def refusal(status: int, body: bytes) -> BackendError:
    """Return the error for an answer that is none."""
    said = " ".join(body.decode("utf-8", "replace").split())[:_SHOWN]
    advice = {
        401: "set image.api_key",
        403: "set image.api_key",
        404: "check image.base_url and image.model",
        429: "it has too much to do: try again later",
    }.get(status, "see its own log")
    return BackendError(
        f"the image server refused ({status}): {said or 'no reason given'}; {advice}"
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        BackendError: it is none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BackendError("the image server's answer is not JSON: check image.base_url") from error
    if not isinstance(value, dict):
        raise BackendError("the image server's answer is no JSON object: check image.base_url")
    return value


def pictures(encoded: object, count: int, config: ImageConfig) -> list[Pixels]:
    """Return the pictures of a list of base64 texts; more than were asked for are left alone.

    Blocks for as long as decoding takes.

    Raises:
        BackendError: one is missing, truncated or no picture.
    """
    if not isinstance(encoded, list) or len(encoded) < count:
        found = len(encoded) if isinstance(encoded, list) else "none"
        raise BackendError(f"the image server sent {found} pictures instead of {count}")
    return [decode_answer(_bytes(one), config.max_pixels) for one in encoded[:count]]


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise BackendError("the image server sent no base64 text in a picture's place")
    try:
        # A1111 may put a data URL's head before the picture.
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BackendError(f"the image server sent broken base64: {error}") from error
