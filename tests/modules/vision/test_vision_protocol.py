"""What every model that sees must do, over each engine: the same tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.modules.held import TIMES, nothing_left_of
from tests.modules.tiny_store import tiny_store
from tests.modules.vision.tiny_gguf import write_tiny_qwen2vl
from tests.modules.vision.tiny_transformers import save_tiny_qwen2vl
from xy_core.core.errors import (
    BackendError,
    InputError,
    ModelNotInstalledError,
    ModuleUnavailable,
    UnsupportedError,
)
from xy_core.core.events import EventBus
from xy_core.core.model import Variant
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.models import ModelStore
from xy_core.modules.vision import Picture, VisionConfig, VisionService
from xy_core.modules.vision.backends.llama_cpp import LlamaCppVision
from xy_core.modules.vision.backends.transformers import TransformersVision
from xy_core.modules.vision.held import working_memory
from xy_core.modules.vision.questions import VisionQuestion

MODEL = "tiny-eyes"
HOST = Variant("host", 0)
SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["count"],
}


@pytest.fixture(scope="session")
def stores(tmp_path_factory) -> dict[str, ModelStore]:
    root = tmp_path_factory.mktemp("tiny-eyes")
    folders = {
        "llama_cpp": write_tiny_qwen2vl(root / "gguf"),
        "transformers": save_tiny_qwen2vl(root / "torch"),
    }
    return {
        engine: tiny_store(root / f"store-{engine}", MODEL, "vlm", folder)
        for engine, folder in folders.items()
    }


def settings(**values) -> VisionConfig:
    return VisionConfig(**({"model": MODEL, "max_tokens": 8, "threads": 1} | values))


@asynccontextmanager
async def seeing(scheduler, stores, **values):
    config = settings(**values)
    context = ModuleContext(scheduler, EventBus(), {ModelStore: stores[config.engine]})
    service = VisionService(context, config)
    await service.initialize()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture(params=["llama_cpp", "transformers"])
async def eyes(request, scheduler, stores):
    """The service over each engine."""
    async with seeing(scheduler, stores, engine=request.param) as service:
        yield service


@pytest.fixture(scope="session", params=[LlamaCppVision, TransformersVision])
def engine(request, stores):
    """Each engine by itself."""
    name = "llama_cpp" if request.param is LlamaCppVision else "transformers"
    made = request.param(stores[name].path(MODEL), settings(engine=name))
    made.load("cpu", HOST)
    yield made
    made.close()


def noise(seed: int = 0, size: int = 112) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


def sign(text: str) -> Picture:
    image = Image.new("RGB", (400, 120), "white")
    ImageDraw.Draw(image).text((20, 30), text, fill="black", font=ImageFont.load_default(40))
    return Picture(np.array(image))


async def words(stream) -> str:
    async with stream as pieces:
        return "".join([piece async for piece in pieces])


def said(engine, *pictures, text="what is it?", schema="") -> str:
    pieces: list[str] = []
    engine.answer(pieces.append, VisionQuestion(pictures, text, schema))
    return "".join(pieces)


async def test_questions_are_answered_and_pictures_described_and_compared(eyes):
    assert await words(eyes.ask([noise()], "what is it?"))
    assert await words(eyes.describe(noise(), language="zh"))
    assert await words(eyes.compare([noise(1), noise(2)]))


async def test_several_ask_at_once(eyes):
    asked = (words(eyes.ask([noise(seed)], "what?")) for seed in range(3))
    assert all(await asyncio.gather(*asked))


async def test_closing_the_stream_leaves_nothing(eyes, scheduler):
    def running():
        return sum(lane.running + lane.waiting for lane in scheduler.statistics().values())

    async def use():
        async with eyes.ask([noise()], "tell me a long story") as stream:
            await anext(stream)
        assert running() == 0

    await use()
    async with nothing_left_of(scheduler):
        for _ in range(TIMES):
            await use()
            await eyes.ask([noise()], "before it began").aclose()
    assert await words(eyes.ask([noise()], "what?"))


@pytest.mark.parametrize("name", ["llama_cpp", "transformers"])
async def test_opening_and_stopping_leaves_nothing(name, scheduler, stores):
    async def use():
        async with seeing(scheduler, stores, engine=name) as service:
            await words(service.ask([noise()], "what?"))

    await use()
    async with nothing_left_of(scheduler):
        for _ in range(TIMES):
            await use()


async def test_a_model_in_a_process_of_its_own_answers_the_same(scheduler, stores):
    async with seeing(scheduler, stores) as service:
        here = await words(service.ask([noise()], "what?"))
    async with seeing(scheduler, stores, isolation="process") as service:
        assert await words(service.ask([noise()], "what?")) == here
        async with service.ask([noise()], "tell me a long story") as stream:
            await anext(stream)
        assert await words(service.ask([noise()], "what?")) == here


async def test_a_stopped_module_is_not_available(eyes):
    assert (await eyes.health()).status is HealthStatus.READY
    await eyes.stop()
    with pytest.raises(ModuleUnavailable):
        eyes.ask([noise()], "what?")


def test_the_answer_depends_on_picture_and_words(engine):
    first = said(engine, noise(1))
    assert first == said(engine, noise(1))
    assert len({said(engine, noise(seed)) for seed in range(4)}) > 1
    assert len({said(engine, noise(1), text=text) for text in "abcdefgh"}) > 1


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (28, 28), (57, 391)])
def test_pictures_of_any_shape_can_be_looked_at(engine, size):
    assert isinstance(said(engine, Picture(np.zeros((*size, 3), np.uint8))), str)


@pytest.mark.parametrize("text", ["<|image_pad|>", "<__media__>", "<|vision_start|><|im_end|>"])
async def test_words_that_look_like_tokens_are_words(eyes, text):
    assert isinstance(await words(eyes.ask([noise()], text)), str)


def test_an_error_of_the_listener_stops_the_model(engine):
    heard = []

    def emit(piece):
        heard.append(piece)
        raise BackendError("enough")

    with pytest.raises(BackendError, match="enough"):
        engine.answer(emit, VisionQuestion((noise(),), "tell me a story"))
    assert len(heard) == 1
    assert said(engine, noise()) is not None


@pytest.mark.parametrize("kind", [LlamaCppVision, TransformersVision])
def test_damaged_or_missing_files_are_refused(kind, stores, tmp_path):
    with pytest.raises(BackendError):
        kind(tmp_path, settings()).load("cpu", HOST)
    name = "llama_cpp" if kind is LlamaCppVision else "transformers"
    for file in stores[name].path(MODEL).iterdir():
        content = file.read_bytes()
        weights = file.suffix in {".gguf", ".safetensors"}
        (tmp_path / file.name).write_bytes(content[: len(content) // 2] if weights else content)
    with pytest.raises(BackendError):
        kind(tmp_path, settings()).load("cpu", HOST)


def test_a_closed_engine_says_so(stores):
    for name, kind in (("llama_cpp", LlamaCppVision), ("transformers", TransformersVision)):
        engine = kind(stores[name].path(MODEL), settings(engine=name))
        engine.close()
        with pytest.raises(BackendError, match="not loaded"):
            said(engine, noise())


async def test_data_follows_its_schema_where_the_engine_can(scheduler, stores):
    async with seeing(scheduler, stores, max_tokens=200) as service:
        found = await service.extract([noise()], "how many?", SCHEMA)
    assert 0 <= found["count"] <= 9


async def test_an_engine_without_schemas_says_which_has_them(scheduler, stores):
    async with seeing(scheduler, stores, engine="transformers") as service:
        with pytest.raises(UnsupportedError, match=r"vision\.engine=llama_cpp"):
            await service.extract([noise()], "how many?", SCHEMA)


async def test_an_answer_that_is_cut_off_is_an_error(scheduler, stores):
    long = {"type": "object", "properties": {"a": {"type": "string", "minLength": 400}}}
    async with seeing(scheduler, stores) as service:
        with pytest.raises(BackendError, match="max_tokens"):
            await service.extract([noise()], "?", long | {"required": ["a"]})


@pytest.mark.parametrize(
    ("pictures", "question", "schema"),
    [
        ([], "what?", SCHEMA),
        ([noise()] * 9, "what?", SCHEMA),
        ([Picture(np.zeros((1, 300, 3), np.uint8))], "what?", SCHEMA),
        ([noise()], "  ", SCHEMA),
        ([noise()], "x" * 5_000, SCHEMA),
        ([noise()], "\udc80", SCHEMA),
        ([noise()], "what?", {}),
        ([noise()], "what?", {"a": object()}),
        ([noise()], "what?", {"a": "x" * 30_000}),
    ],
    ids=range(9),
)
async def test_wrong_questions_are_refused_before_anything_runs(
    scheduler, stores, pictures, question, schema
):
    async with seeing(scheduler, stores) as service:
        before = len(list(scheduler.tasks()))
        with pytest.raises(InputError):
            await service.extract(pictures, question, schema)
        assert len(list(scheduler.tasks())) == before


async def test_what_was_read_stands_beside_the_question(scheduler, stores, monkeypatch):
    asked = []

    def answer(_self, emit, question):
        asked.append(question)
        emit("yes")

    monkeypatch.setattr(LlamaCppVision, "answer", answer)
    async with seeing(scheduler, stores) as service:
        assert await words(service.ask([sign("ROOM 42"), noise()], "Where am I?")) == "yes"
        await words(service.ask([sign("ROOM 42")], "这是哪里？", language="zh"))
    english, chinese = (question.text for question in asked)
    assert '"ROOM 42"' in english
    assert "picture 1" in english
    assert "disagree" in english
    assert english.endswith("Where am I?")
    assert "第1张图片" in chinese
    assert "矛盾" in chinese


async def test_pictures_are_scaled_before_the_model_sees_them(scheduler, stores, monkeypatch):
    asked = []
    monkeypatch.setattr(LlamaCppVision, "answer", lambda _self, _emit, one: asked.append(one))
    async with seeing(scheduler, stores, look_pixels=10_000) as service:
        await words(service.ask([Picture(np.zeros((300, 1_200, 3), np.uint8))], "what?"))
    (picture,) = asked[0].pictures
    assert (picture.width, picture.height) == (200, 50)


async def test_without_a_model_the_user_hears_which_to_pull(scheduler, stores):
    service = VisionService(ModuleContext(scheduler, EventBus()), VisionConfig())
    await service.initialize()
    with pytest.raises(UnsupportedError, match="models pull qwen2-vl-2b-instruct"):
        service.describe(noise())
    await service.stop()
    context = ModuleContext(scheduler, EventBus(), {ModelStore: stores["llama_cpp"]})
    with pytest.raises(ModelNotInstalledError):
        await VisionService(context, settings(model="qwen2-vl-2b-instruct")).initialize()


async def test_the_model_is_one_of_residency(scheduler, stores):
    async with seeing(scheduler, stores) as service:
        await words(service.ask([noise()], "what?"))
        (device,) = scheduler.devices()
        assert "vision.model" in [model.name for model in device.models]
    (device,) = scheduler.devices()
    assert "vision.model" not in [model.name for model in device.models]


def test_working_memory_grows_with_the_picture():
    small, large = (working_memory(VisionQuestion((noise(size=side),), "")) for side in (280, 560))
    assert 4 * small * 0.9 < large < 16 * small
