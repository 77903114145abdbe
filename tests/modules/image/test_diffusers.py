"""Stable Diffusion by diffusers: the real classes with tiny random weights."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading

import numpy as np
import pytest

from tests.modules.image.conftest import SIDE, diffusers, torch
from tests.modules.image.test_image_protocol import (  # noqa: F401 - image_store is a fixture
    INIT,
    SMALL,
    image_service,
    image_store,
    pictures,
)
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.errors import BackendError, ConfigError, OutOfDeviceMemory, TaskCancelled
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskStatus, TaskType
from xy_core.modules.image import Generated, ImageConfig, ImageRequest, ImageStep, Step
from xy_core.modules.image.backends.diffusers import DiffusersPainter
from xy_core.modules.image.complete import complete
from xy_core.modules.image.service import working_memory
from xy_core.modules.image.types import SchedulerName


def config(**values) -> ImageConfig:
    return ImageConfig(**({"width": SIDE, "height": SIDE, "preview_every": 1} | values))


def job(settings=None, **values):
    return complete(ImageRequest(**({"prompt": "a boat"} | SMALL | values)), settings or config())


@pytest.fixture(scope="session")
def painter(tiny_sd):
    engine = DiffusersPainter(tiny_sd, config(safety_check=False))
    engine.load("cpu", "host")
    yield engine
    engine.close()


def painted(engine, *jobs):
    return [one.pixels for made in engine.paint(jobs) for one in made]


def test_a_seed_makes_the_same_picture_again(painter):
    first, again, other = (painted(painter, job(seed=seed))[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_each_of_several_pictures_can_be_made_alone(painter):
    together = painted(painter, job(count=2))
    assert (together[1].astype(int) - painted(painter, job(seed=6))[0]).max() <= 1


def test_jobs_of_one_kind_are_painted_together(painter):
    one, two = job(), job(prompt="the sea", seed=9)
    assert one.kind == two.kind
    alone = [painted(painter, each)[0] for each in (one, two)]
    for apart, beside in zip(alone, painted(painter, one, two), strict=True):
        assert abs(apart.astype(int) - beside).max() <= 1


def test_words_and_what_not_to_show_both_count(painter):
    plain = painted(painter, job())[0]
    assert (plain != painted(painter, job(prompt="zzz"))[0]).any()
    assert (plain != painted(painter, job(negative="zzz"))[0]).any()
    assert (plain != painted(painter, job(guidance=1.0))[0]).any()


@pytest.mark.parametrize("name", SchedulerName.__args__)
def test_every_scheduler_paints(painter, name):
    assert painted(painter, job(scheduler=name))[0].shape == (SIDE, SIDE, 3)


def test_what_the_mask_keeps_stays(painter):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = 255
    kept, anew = (
        painted(painter, job(init=INIT, mask=area, strength=1.0, steps=4))[0]
        for area in (mask, np.full_like(mask, 255))
    )
    assert (kept != anew).any()


def test_a_picture_to_begin_with_sets_the_size(painter):
    wide = np.zeros((100, 210, 3), np.uint8)
    request = ImageRequest(prompt="a", steps=2, init=wide)
    made = painted(painter, complete(request, config(width=128, height=128)))[0]
    assert made.shape[1] > made.shape[0]
    assert made.shape[0] % 8 == made.shape[1] % 8 == 0


def test_steps_and_previews_are_told(painter):
    events = []
    painter.generate(events.append, job(steps=4))
    steps, made = events[:-1], events[-1]
    assert [(step.done, step.total) for step in steps] == [(n, 4) for n in range(1, 5)]
    assert {step.preview[0].shape for step in steps} == {(SIDE // 8, SIDE // 8, 3)}
    assert isinstance(made, Generated)


def test_an_error_of_the_listener_ends_the_run_at_that_step(painter):
    seen = []

    def emit(event):
        seen.append(event)
        if len(seen) == 2:
            raise TaskCancelled("enough")

    with pytest.raises(TaskCancelled, match="enough"):
        painter.generate(emit, job(steps=50))
    assert len(seen) == 2
    assert painted(painter, job())


def test_the_safety_checker_takes_pictures_away(tiny_sd):
    engine = DiffusersPainter(tiny_sd, config())
    engine.load("cpu", "host")
    checker = engine._pipe.safety_checker
    # Thresholds below any cosine: everything is alike to what is not to be shown.
    checker.concept_embeds_weights.data.fill_(-2.0)
    (made,) = engine.paint([job()])[0]
    assert made.flagged
    assert not made.pixels.any()
    engine.close()


def test_a_model_without_a_safety_checker_is_refused_unless_it_is_off(tiny_sd, tmp_path):
    folder = tmp_path / "unchecked"
    shutil.copytree(tiny_sd, folder)
    shutil.rmtree(folder / "safety_checker")
    with pytest.raises(ConfigError, match=r"image\.safety_check=false"):
        DiffusersPainter(folder, config()).load("cpu", "host")
    engine = DiffusersPainter(folder, config(safety_check=False))
    engine.load("cpu", "host")
    assert painted(engine, job())
    engine.close()


def test_damaged_weights_are_refused(tiny_sd, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_sd, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000])
    with pytest.raises(BackendError, match="cannot load"):
        DiffusersPainter(folder, config()).load("cpu", "host")
    with pytest.raises(BackendError, match="cannot load"):
        DiffusersPainter(tmp_path, config(safety_check=False)).load("cpu", "host")


def test_groups_of_blocks_give_the_same_picture(tiny_sd, painter):
    engine = DiffusersPainter(tiny_sd, config(safety_check=False))
    engine.load("cpu", "group")
    assert abs(painted(engine, job())[0].astype(int) - painted(painter, job())[0]).max() <= 1
    engine.close()


def test_memory_that_runs_out_is_told_as_such(painter, monkeypatch):
    def burst(*_args, **_kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(painter._pipe.unet, "forward", burst)
    with pytest.raises(OutOfDeviceMemory):
        painter.paint([job()])


def test_closing_gives_the_weights_back(tiny_sd):
    def weights():
        return sum(isinstance(one, diffusers.UNet2DConditionModel) for one in gc.get_objects())

    gc.collect()
    before = weights()
    engine = DiffusersPainter(tiny_sd, config(safety_check=False))
    engine.load("cpu", "host")
    painted(engine, job(init=INIT))
    assert weights() == before + 1
    engine.close()
    engine.close()
    assert weights() == before
    with pytest.raises(BackendError, match="not loaded"):
        engine.paint([job()])


def test_working_memory_grows_with_the_area_and_the_number():
    settings = config(max_pixels=1 << 22)
    small, large = (working_memory(job(settings, width=s, height=s)) for s in (512, 1024))
    assert large == 4 * small
    assert working_memory(job(settings, width=512, height=512, count=3)) == 3 * small


async def test_closing_the_stream_ends_within_a_step(scheduler, image_store):  # noqa: F811
    async with image_service(scheduler, image_store, safety_check=False) as service:
        stream = service.generate(ImageRequest(prompt="a", **(SMALL | {"steps": 150})))
        await anext(stream)
        calls = []
        unet = service._local._pipe.unet
        unet.register_forward_hook(lambda *_: calls.append(1))
        await stream.aclose()
        assert len(calls) <= 34  # what the stream's buffer holds, and a step
        ended = len(calls)
        assert len(await pictures(service, steps=3)) == 1
        assert len(calls) == ended + 3


async def test_urgent_work_gets_the_device_between_steps(image_store):  # noqa: F811
    one_place = SchedulerConfig(devices=(DeviceConfig(name="cpu", slots=1),))
    async with (
        GlobalTaskScheduler(one_place) as scheduler,
        image_service(scheduler, image_store, safety_check=False) as service,
    ):
        request = ImageRequest(prompt="a", **(SMALL | {"steps": 150}))
        async with service.generate(request, priority=TaskPriority.LOW) as stream:
            await anext(stream)
            options = {"task_type": TaskType.GPU_BOUND, "priority": TaskPriority.HIGH}
            assert await scheduler.run(threading.get_ident, **options)
            assert stream.info.status is TaskStatus.RUNNING
            rest = [event async for event in stream]
        assert isinstance(rest[-1], Generated)
        assert isinstance(rest[0], Step)


async def test_the_bus_hears_of_steps_and_previews(scheduler, image_store):  # noqa: F811
    async with (
        image_service(scheduler, image_store, safety_check=False) as service,
        service.context.bus.subscribe(ImageStep) as events,
    ):
        await pictures(service)
        heard = [await anext(events) for _ in range(3)]
    assert [(event.done, event.total) for event in heard] == [(1, 3), (2, 3), (3, 3)]
    assert heard[0].preview[0].shape == (SIDE // 8, SIDE // 8, 3)


async def test_waiting_requests_are_painted_in_one_run(scheduler, image_store):  # noqa: F811
    async with image_service(
        scheduler, image_store, safety_check=False, max_wait=0.5, max_batch=3
    ) as service:
        await pictures(service)
        runs = []
        service._local._pipe.unet.register_forward_hook(lambda *_: runs.append(1))
        asks = (service.paint(ImageRequest(prompt=word, **SMALL)) for word in "abc")
        assert len(await asyncio.gather(*asks)) == 3
        assert len(runs) == SMALL["steps"]


async def test_the_model_is_one_of_residency(scheduler, image_store):  # noqa: F811
    async with image_service(scheduler, image_store, safety_check=False) as service:
        await pictures(service)
        (device,) = scheduler.devices()
        assert [model.name for model in device.models] == ["image.painter"]
    (device,) = scheduler.devices()
    assert not device.models
