"""The planner: what fits is chosen, and nothing that is chosen does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.model import Variant
from xy_core.models import ModelStore, PlannedModel, on_processor, plan_device, plan_model
from xy_core.models.plan import DiffusersVariant, LlamaVariant, diffusers_variants, llama_variants
from xy_core.models.transformer import Transformer

GIB = 2**30
QWEN = "qwen2.5-7b-instruct"
MODELS = st.builds(
    Transformer,
    blocks=st.lists(st.integers(10**6, 10**9), min_size=1, max_size=80).map(tuple),
    input=st.integers(1, 10**9),
    output=st.integers(1, 10**9),
    projector=st.integers(0, 10**9),
    embedding=st.integers(64, 16_384),
    heads=st.integers(1, 128),
    kv_width=st.integers(1, 16_384),
    vocabulary=st.integers(1, 300_000),
    measured=st.booleans(),
)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Nothing is installed: the catalogue's figures count."""
    return ModelStore(tmp_path)


def planned(store: ModelStore, model: str, room: float, n_ctx: int = 4096) -> PlannedModel:
    entry = store.catalogue.entry(model)
    return plan_model(store, entry, room=int(room * GIB), n_ctx=n_ctx)


def test_the_catalogues_figures_are_those_of_the_model(store: ModelStore):
    """Qwen2.5 7B: 28 layers with 4 heads of 128 for keys and for values: 56 KiB a token."""
    entry = store.catalogue.entry(QWEN)
    model = Transformer.of(store, entry)
    assert model is not None
    assert model.layers * model.cache_bytes(1) == 56 * 1024
    assert sum(model.blocks) + model.input + model.output == pytest.approx(entry.size, rel=0.001)


def test_a_large_device_holds_all_of_a_model(store: ModelStore):
    best = planned(store, QWEN, 8).fitting(8 * GIB)
    assert isinstance(best, LlamaVariant)
    assert (best.name, best.n_gpu_layers, best.n_ctx) == ("full", 29, 4096)


def test_a_small_device_holds_as_many_layers_as_fit(store: ModelStore):
    model = planned(store, QWEN, 3)
    best = model.fitting(3 * GIB)
    assert isinstance(best, LlamaVariant)
    assert 10 < best.n_gpu_layers < 28
    assert best.device_bytes <= 3 * GIB
    assert best.host_bytes > GIB
    entry = Transformer.of(store, store.catalogue.entry(QWEN))
    assert entry is not None
    assert entry.device_bytes(best.n_gpu_layers + 1, 4096) > 3 * GIB


def test_a_longer_context_leaves_room_for_fewer_layers(store: ModelStore):
    short, long = (planned(store, QWEN, 4, n_ctx).fitting(4 * GIB) for n_ctx in (2048, 32_768))
    assert isinstance(short, LlamaVariant)
    assert isinstance(long, LlamaVariant)
    assert short.n_gpu_layers > long.n_gpu_layers


def test_a_device_without_room_leaves_the_model_on_the_host(store: ModelStore):
    best = planned(store, QWEN, 0.1).fitting(GIB // 10)
    assert (best.name, best.device_bytes) == ("host", 0)


def test_a_pipeline_is_offloaded_step_by_step(store: ModelStore):
    steps = {}
    for room in (8, 3.2, 2, 1):
        best = planned(store, "stable-diffusion-v1-5", room).fitting(int(room * GIB))
        assert isinstance(best, DiffusersVariant)
        steps[room] = best.offload
    assert steps == {8: "none", 3.2: "model", 2: "group", 1: "host"}


def test_models_that_need_no_device_are_on_the_host(store: ModelStore):
    voice = planned(store, "piper-en-joe", 8)
    assert [variant.name for variant in voice.variants] == ["host"]
    assert not plan_device([voice], 8 * GIB).placements[0].on_device


def test_what_fits_together_stays_and_the_rest_comes_when_asked_for(store: ModelStore):
    models = [
        plan_model(store, entry, room=8 * GIB, n_ctx=8192)
        for entry in store.catalogue.profile("edge-8gb")
        if entry.files
    ]
    plan = plan_device(models, 8 * GIB)
    assert {place.model.id: place.resident for place in plan.placements} == {
        QWEN: True,
        "qwen2-vl-2b-instruct": True,
        "stable-diffusion-v1-5": False,
    }
    assert plan.resident_bytes <= 8 * GIB
    assert all(place.resident for place in plan_device(models, 16 * GIB).placements)


def test_the_processor_holds_what_the_host_would(store: ModelStore):
    model = planned(store, QWEN, 8)
    (variant,) = on_processor(model).variants
    assert variant.device_bytes == model.variants[-1].host_bytes
    assert variant.host_bytes == 0


@given(MODELS, st.integers(0, 100 * GIB), st.integers(1, 100_000))
def test_variants_shrink_in_order_and_the_first_that_fits_is_exact(
    model: Transformer, room: int, n_ctx: int
):
    variants = llama_variants(model, room=room, n_ctx=n_ctx)
    layers = [variant.n_gpu_layers for variant in variants]
    assert layers == sorted(set(layers), reverse=True)
    assert (layers[0], layers[-1]) == (model.layers + 1, 0)
    best = next(variant for variant in variants if variant.device_bytes <= room)
    larger = range(best.n_gpu_layers + 1, model.layers + 2)
    assert all(model.device_bytes(n, n_ctx) > room for n in larger)
    speeds = [variant.speed for variant in variants]
    assert speeds == sorted(speeds, reverse=True)
    assert all(variant.host_bytes > 0 for variant in variants)


@given(MODELS, st.integers(1, 50_000))
def test_nothing_of_a_model_is_forgotten(model: Transformer, n_ctx: int):
    weights = sum(model.blocks) + model.input
    for layers in range(model.layers + 2):
        both = model.device_bytes(layers, n_ctx) + model.host_bytes(layers, n_ctx)
        assert both >= weights + model.layers * model.cache_bytes(n_ctx)


@given(st.lists(st.integers(0, 10**10), max_size=5))
def test_a_pipelines_variants_need_less_and_less(components: list[int]):
    sizes = [variant.device_bytes for variant in diffusers_variants(components)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)), max_size=8), st.integers(0, 200)
)
def test_those_who_stay_fit_together_with_the_largest_computation(
    sizes: list[tuple[int, int]], memory: int
):
    models = [
        PlannedModel(f"m{n}", "llm", (Variant("full", size), Variant("host", 0)), working)
        for n, (size, working) in enumerate(sizes)
    ]
    stay = [place for place in plan_device(models, memory).placements if place.resident]
    taken = sum(place.variant.device_bytes for place in stay)
    assert taken + max((place.model.working for place in stay), default=0) <= memory
