"""Pictures and recordings that clients send, decoded off the loop and never from their paths."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from xy_core.core.errors import AudioError, ImageError, InputError
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.image import Mask, read_mask
from xy_core.modules.vision import Picture
from xy_core.modules.voice import Audio, read_audio
from xy_core.runtime import Runtime
from xy_core.server.errors import ApiError
from xy_core.server.remote_images import RemoteImages

T = TypeVar("T")


async def picture_at(url: str, runtime: Runtime, remote: RemoteImages | None = None) -> Picture:
    """Return the picture of a data URL, or at an address if there is somebody to fetch it.

    Raises:
        ImageError: it is not a picture that can be used.
        ApiError: it is an address, and it is not fetched.
    """
    if url.startswith("data:"):
        return await picture_of(url.partition(",")[2], runtime)
    if remote is None:
        raise ApiError(400, "send the picture as a data URL", "remote_images_off")
    return await decode_picture(await remote.fetch(url), runtime)


async def picture_of(data: str, runtime: Runtime) -> Picture:
    """Decode a picture in base64.

    Raises:
        ImageError: it is not a picture, or has too many pixels.
    """
    return await decode_picture(_bytes(data, ImageError), runtime)


async def decode_picture(content: bytes, runtime: Runtime) -> Picture:
    """Decode the bytes of a picture file.

    Raises:
        ImageError: it is not a picture, or has too many pixels.
    """
    most = runtime.settings.vision.max_pixels
    return await _decode(content, lambda path: Picture.load(path, most), "picture", runtime)


async def decode_mask(content: bytes, runtime: Runtime) -> Mask:
    """Decode the mask of a picture: what is transparent in it is painted anew.

    Without any transparency, it is what is white.

    Raises:
        ImageError: it is not a picture, or has too many pixels.
    """
    most = runtime.settings.vision.max_pixels
    return await runtime.engine.scheduler.run(
        read_mask,
        content,
        most,
        name="server.mask",
        task_type=TaskType.CPU_BOUND,
        priority=TaskPriority.HIGH,
    )


async def audio_of(data: str, runtime: Runtime) -> Audio:
    """Decode a recording in base64.

    Raises:
        AudioError: it is not a recording, or too long.
    """
    return await decode_audio(_bytes(data, AudioError), runtime)


async def decode_audio(content: bytes, runtime: Runtime) -> Audio:
    """Decode the bytes of an audio file.

    Raises:
        AudioError: it is not a recording, or too long.
    """
    longest = runtime.settings.voice.max_seconds
    return await _decode(content, lambda path: read_audio(path, longest), "recording", runtime)


async def _decode(content: bytes, read: Callable[[Path], T], name: str, runtime: Runtime) -> T:
    """Read from a file of our own name: the decoders' libraries read files."""

    def decode() -> T:
        with tempfile.TemporaryDirectory(prefix="xy-core-") as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            try:
                return read(path)
            except InputError as error:
                raise type(error)(str(error).replace(str(path), f"the {name}")) from None

    return await runtime.engine.scheduler.run(
        decode, name=f"server.{name}", task_type=TaskType.CPU_BOUND, priority=TaskPriority.HIGH
    )


def _bytes(data: str, error: type[InputError]) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise error("the data is not base64: encode the file's bytes") from None


def pcm16(audio: Audio) -> bytes:
    """Return sound as 16-bit little-endian samples; what is beyond [-1, 1] is clipped."""
    return bytes((np.clip(audio.samples, -1, 1) * 32_767).astype("<i2").tobytes())
