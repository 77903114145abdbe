"""What every image engine must do, over each of them: the same tests."""

from __future__ import annotations

import asyncio
import functools
import math
from contextlib import asynccontextmanager

import numpy as np
import pytest

from tests.modules.held import TIMES, nothing_left_of
from tests.modules.image.conftest import MODEL, SIDE
from tests.modules.image.image_server import serving
from tests.modules.tiny_store import tiny_store
from xy_core.core.errors import (
    ImageError,
    InputError,
    ModelNotInstalledError,
    ModuleUnavailable,
)
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.models import ModelStore
from xy_core.modules.image import (
    Generated,
    ImageConfig,
    ImageMade,
    ImageRequest,
    ImageService,
)

SMALL = {"width": SIDE, "height": SIDE, "steps": 3, "seed": 5}
INIT = np.zeros((SIDE, SIDE, 3), np.uint8)
MASK = np.full((SIDE, SIDE), 255, np.uint8)


@pytest.fixture(scope="session")
def image_store(tiny_sd, tmp_path_factory) -> ModelStore:
    return tiny_store(tmp_path_factory.mktemp("image-store"), MODEL, "image", tiny_sd)


@asynccontextmanager
async def image_service(scheduler, store, **values):
    bus = EventBus()
    config = ImageConfig(
        **({"model": MODEL, "preview_every": 1, "width": SIDE, "height": SIDE} | values)
    )
    service = ImageService(ModuleContext(scheduler, bus, {ModelStore: store}), config)
    await service.initialize()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture(params=["diffusers", "openai", "a1111"])
def opening(request, scheduler, image_store):
    """Opens the service over each engine."""
    if request.param == "diffusers":
        yield functools.partial(image_service, scheduler, image_store)
        return
    with serving() as server:
        path = "/v1" if request.param == "openai" else ""
        url = f"http://127.0.0.1:{server.port}{path}"
        yield functools.partial(
            image_service, scheduler, image_store, engine=request.param, base_url=url
        )


@pytest.fixture
async def image(opening):
    """The service over each engine."""
    async with opening() as service:
        yield service


async def pictures(service, **request):
    async with service.generate(
        ImageRequest(**({"prompt": "a lighthouse"} | SMALL | request))
    ) as events:
        return [event async for event in events if isinstance(event, Generated)]


async def test_words_become_pictures(image):
    made = await pictures(image, count=2)
    assert [one.index for one in made] == [0, 1]
    assert {one.pixels.shape for one in made} == {(SIDE, SIDE, 3)}
    assert {one.pixels.dtype for one in made} == {np.dtype(np.uint8)}
    assert [one.seed for one in made] in ([5, 6], [None, None])


async def test_a_picture_becomes_another(image):
    (one,) = await pictures(image, init=INIT, strength=0.7)
    assert one.pixels.shape == (SIDE, SIDE, 3)


async def test_a_part_of_a_picture_is_painted_anew(image):
    (one,) = await pictures(image, init=INIT, mask=MASK, strength=0.7)
    assert one.pixels.shape == (SIDE, SIDE, 3)


async def test_several_ask_at_once(image):
    asks = (image.paint(ImageRequest(prompt=word, **SMALL)) for word in ("sea", "sky", "sun"))
    found = await asyncio.gather(*asks)
    assert [len(one) for one in found] == [1, 1, 1]


async def test_the_bus_hears_of_pictures(image):
    heard = []
    async with image.context.bus.subscribe(ImageMade) as events:
        await pictures(image, count=2)
        async for event in events:
            heard.append(event)
            if len(heard) == 2:
                break
    assert [(event.index, event.width, event.height) for event in heard] == [
        (0, SIDE, SIDE),
        (1, SIDE, SIDE),
    ]
    assert len({event.request for event in heard}) == 1


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"prompt": "  "}, InputError, "prompt is empty"),
        ({"prompt": "x" * 5_000}, InputError, "characters"),
        ({"prompt": "\udc80"}, InputError, "Unicode"),
        ({"width": 65}, InputError, "multiples of 8"),
        ({"height": 8}, InputError, "64 at least"),
        ({"width": 4_096, "height": 4_096}, InputError, "too large"),
        ({"steps": 0}, InputError, "steps"),
        ({"steps": 10_000}, InputError, "steps"),
        ({"count": 0}, InputError, "count"),
        ({"count": 99}, InputError, "count"),
        ({"seed": -1}, InputError, "seed"),
        ({"guidance": math.nan}, InputError, "guidance"),
        ({"guidance": math.inf}, InputError, "guidance"),
        ({"scheduler": "magic"}, InputError, "no scheduler 'magic'"),
        ({"mask": MASK}, InputError, "give init too"),
        ({"init": INIT, "mask": MASK[:8]}, ImageError, "init's size"),
        ({"init": INIT[:, :, :1]}, ImageError, "RGB"),
        ({"init": INIT.astype(np.float32)}, ImageError, "uint8"),
        ({"init": INIT[:0]}, ImageError, "no pixels"),
        ({"init": INIT, "strength": 0.0}, InputError, "strength"),
        ({"init": INIT, "strength": math.nan}, InputError, "strength"),
        ({"init": INIT, "strength": 0.1}, InputError, "no step is left"),
    ],
    ids=str,
)
async def test_wrong_requests_are_refused_before_anything_runs(
    scheduler, image_store, request_, error, words
):
    async with image_service(scheduler, image_store) as service:
        before = len(list(scheduler.tasks()))
        with pytest.raises(error, match=words):
            service.generate(ImageRequest(**({"prompt": "a"} | SMALL | request_)))
        with pytest.raises(error, match=words):
            await service.paint(ImageRequest(**({"prompt": "a"} | SMALL | request_)))
        assert len(list(scheduler.tasks())) == before


@pytest.mark.timeout(300)  # it imports torch and diffusers anew, beside whatever else runs
async def test_a_painter_in_a_process_of_its_own_paints_the_same(scheduler, image_store):
    async with image_service(scheduler, image_store) as service:
        (here,) = await pictures(service)
    async with image_service(scheduler, image_store, isolation="process") as service:
        (there,) = await pictures(service)
        assert abs(here.pixels.astype(int) - there.pixels).max() <= 1
        long = ImageRequest(prompt="a", **(SMALL | {"steps": 150}))
        async with service.generate(long) as stream:
            await anext(stream)
        assert len(await pictures(service)) == 1


async def test_a_stopped_module_is_not_available(image):
    assert (await image.health()).status is HealthStatus.READY
    await image.stop()
    assert (await image.health()).status is HealthStatus.STOPPED
    with pytest.raises(ModuleUnavailable):
        image.generate(ImageRequest(prompt="a", **SMALL))


async def test_closing_the_stream_leaves_nothing_behind(image, scheduler):
    long = ImageRequest(prompt="a", **(SMALL | {"steps": 100}))

    async def use():
        async with image.generate(long) as stream:
            await anext(stream)
        lanes = scheduler.statistics().values()
        assert sum(lane.running + lane.waiting for lane in lanes) == 0
        await image.generate(long).aclose()  # before it began

    await use()
    async with nothing_left_of(scheduler):
        for _ in range(TIMES):
            await use()
    assert len(await pictures(image)) == 1


async def test_opening_and_stopping_leaves_nothing(opening, scheduler):
    async def use():
        async with opening() as service:
            await pictures(service)

    await use()
    async with nothing_left_of(scheduler):
        for _ in range(TIMES):
            await use()


async def test_a_missing_model_is_named(scheduler, tmp_path):
    service = ImageService(
        ModuleContext(scheduler, EventBus(), {ModelStore: ModelStore(tmp_path)}), ImageConfig()
    )
    with pytest.raises(ModelNotInstalledError, match="models pull stable-diffusion-v1-5"):
        await service.initialize()
