"""Image servers over a real socket: what is asked, and what they may do wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import socket

import numpy as np
import pytest
from PIL import Image

from tests.modules.image.image_server import serving
from xy_core.core.errors import BackendError
from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.modules.image import ImageConfig, ImageRequest, ImageService

SMALL = {"width": 64, "height": 64, "steps": 3, "seed": 5}
ENGINES = ("openai", "a1111")


@pytest.fixture
def server():
    with serving() as running:
        yield running


def service_for(scheduler, engine, port, **values):
    url = f"http://127.0.0.1:{port}" + ("/v1" if engine == "openai" else "")
    config = ImageConfig(**({"engine": engine, "base_url": url, "model": "sd"} | values))
    return ImageService(ModuleContext(scheduler, EventBus()), config)


@pytest.fixture(params=ENGINES)
async def remote(request, scheduler, server):
    service = service_for(scheduler, request.param, server.port, max_answer=1_000_000)
    await service.initialize()
    yield service
    await service.stop()


def opened(content) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("error", "refused.*on fire"),
        ("no key", "set image.api_key"),
        ("html", "not JSON"),
        ("list", "no JSON object"),
        ("nothing", "0 pictures instead of 1"),
        ("odd", "no base64 text"),
        ("truncated base64", "broken base64"),
        ("truncated picture", "no picture, or a damaged one"),
        ("no picture", "no picture"),
        ("huge", "9,000 x 9,000"),
        ("oversized", "longer than 1,000,000 bytes"),
    ],
)
async def test_bad_answers_are_one_clear_error_and_the_next_is_good(remote, server, mood, words):
    server.mood = mood
    with pytest.raises(BackendError, match=words) as caught:
        await remote.paint(ImageRequest(prompt="a", **SMALL))
    assert "\n" not in str(caught.value)
    server.mood = "well"
    assert len(await remote.paint(ImageRequest(prompt="a", **SMALL))) == 1


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_slow_server_is_given_up(scheduler, server, engine):
    server.mood = "slow"
    service = service_for(scheduler, engine, server.port, timeout=0.2)
    await service.initialize()
    with pytest.raises(BackendError, match=r"within 0\.2 s"):
        await service.paint(ImageRequest(prompt="a", **SMALL))
    await service.stop()


async def test_closing_ends_the_request_at_once(remote, server, scheduler):
    server.mood = "slow"
    stream = remote.generate(ImageRequest(prompt="a", **SMALL))
    assert await asyncio.to_thread(server.waiting.wait, 10)
    await stream.aclose()
    assert scheduler.statistics()["default"].running == 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_nobody_there(scheduler, engine):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        service = service_for(scheduler, engine, taken.getsockname()[1])
        await service.initialize()
        with pytest.raises(BackendError, match="cannot be reached"):
            await service.paint(ImageRequest(prompt="a", **SMALL))
        await service.stop()


async def test_a1111_is_asked_in_its_own_words(scheduler, server):
    service = service_for(scheduler, "a1111", server.port, negative="rain")
    await service.initialize()
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    made = await service.paint(ImageRequest(prompt="a boat", count=2, **SMALL))
    assert [one.seed for one in made] == [5, 6]
    init = np.full((64, 64, 3), 9, np.uint8)
    request = ImageRequest(prompt="b", init=init, mask=half, strength=0.5, **SMALL)
    await service.paint(request)
    (path, plain), (edit_path, edit) = server.asked
    assert (path, edit_path) == ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")
    wanted = {"prompt": "a boat", "negative_prompt": "rain", "steps": 3, "seed": 5, "batch_size": 2}
    assert wanted.items() <= plain.items()
    assert plain["sampler_name"] == "DPM++ 2M Karras"
    assert edit["denoising_strength"] == 0.5
    assert opened(base64.b64decode(edit["init_images"][0])).getpixel((0, 0)) == (9, 9, 9)
    mask = opened(base64.b64decode(edit["mask"]))
    assert (mask.getpixel((0, 0)), mask.getpixel((63, 0))) == (0, 255)
    await service.stop()


async def test_openai_is_asked_in_its_own_words(scheduler, server):
    service = service_for(scheduler, "openai", server.port, api_key="secret")
    await service.initialize()
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    await service.paint(ImageRequest(prompt="a boat", count=2, **SMALL))
    init = np.full((64, 64, 3), 9, np.uint8)
    await service.paint(ImageRequest(prompt="b", init=init, mask=half, **SMALL))
    (path, plain), (edit_path, edit) = server.asked
    assert (path, edit_path) == ("/v1/images/generations", "/v1/images/edits")
    assert plain == {
        "model": "sd",
        "prompt": "a boat",
        "n": 2,
        "size": "64x64",
        "response_format": "b64_json",
    }
    mask = opened(edit["mask"])
    assert mask.getpixel((0, 0)) == (9, 9, 9, 255)  # kept
    assert mask.getpixel((63, 0))[3] == 0  # painted anew
    assert opened(edit["image"]).size == (64, 64)
    assert "secret" not in repr(service.config)
    await service.stop()


def test_a_server_needs_an_address():
    with pytest.raises(ValueError, match="base_url"):
        ImageConfig(engine="openai")
