"""Headers of GGUF files: real ones, cut ones, and those that somebody made to hurt."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xy_core.core.errors import ModelError
from xy_core.models import ModelStore, gguf_header
from xy_core.models.gguf_header import read_gguf_header
from xy_core.models.transformer import Transformer

LAYERS = 3


def tiny_gguf(path: Path, *, tied: bool = False, layers: int = LAYERS) -> Path:
    """A llama of three layers with random weights, written by the format's own library."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_context_length(256)
    writer.add_token_list([f"token {n}" for n in range(100)])
    writer.add_token_scores([0.0] * 100)
    writer.add_token_types([1] * 100)
    ones = np.ones((100, 64), np.float16)
    writer.add_tensor("token_embd.weight", ones)
    for layer in range(layers):
        writer.add_tensor(f"blk.{layer}.attn_q.weight", np.ones((64, 64), np.float16))
        writer.add_tensor(f"blk.{layer}.ffn_up.weight", np.ones((64, 64 * (layer + 1)), np.float32))
    if not tied:
        writer.add_tensor("output.weight", ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def header(keys: int, *pairs: bytes, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + b"".join(pairs)


def test_a_header_tells_layers_and_sizes(tiny: Path):
    read = read_gguf_header(tiny)
    assert read.values["general.architecture"] == "llama"
    assert read.vocabulary == 100
    assert read.number("embedding_length") == 64
    assert read.tensors["token_embd.weight"] == 100 * 64 * 2
    assert read.block_bytes() == tuple(64 * 64 * 2 + 64 * 64 * n * 4 for n in (1, 2, 3))


def test_sizes_are_those_of_the_formats_own_library(tiny: Path):
    expected = {tensor.name: int(tensor.n_bytes) for tensor in gguf.GGUFReader(tiny).tensors}
    assert read_gguf_header(tiny).tensors == expected


def test_a_transformer_without_an_output_layer_uses_its_table_of_tokens(tmp_path: Path):
    tied = Transformer.from_header(read_gguf_header(tiny_gguf(tmp_path / "t.gguf", tied=True)))
    assert tied.output == tied.input == 100 * 64 * 2
    assert tied.kv_width == 2 * (16 + 16)


def test_a_part_that_is_missing_is_noticed(tmp_path: Path):
    read = read_gguf_header(tiny_gguf(tmp_path / "t.gguf"))
    for name in [name for name in read.tensors if name.startswith("blk.1.")]:
        del read.tensors[name]
    with pytest.raises(ModelError, match="is a part missing"):
        read.block_bytes()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "header"),
        (b"GGU", "header"),
        (b"PK\x03\x04" + bytes(100), "does not begin"),
        (header(0, version=1), "version 1"),
        (header(0, version=0x03000000), "version"),
        (header(2**63), "keys"),
        (header(0, tensors=2**63), "tensors"),
        (header(1, text(b"k"), struct.pack("<I", 99)), "type 99"),
        (header(1, struct.pack("<Q", 2**62)), "characters"),
        (header(1, text(b"k"), struct.pack("<IIQ", 9, 8, 2**60)), "texts"),
        (header(1, text(b"k"), struct.pack("<IIQ", 9, 0, 2**60)), "numbers"),
        (header(1, text(b"k"), struct.pack("<IIQ", 9, 9, 1)), "type 9"),
        (header(1, text(b"general.alignment"), struct.pack("<II", 4, 0)), "alignment 0"),
        (header(0, text(b"t"), struct.pack("<IIQ", 0, 0, 2**63), tensors=1), "last tensor"),
        (header(0, text(b"t"), struct.pack("<I", 2**31), tensors=1), "dimensions"),
        (header(0) + bytes(100), "no tensors"),
    ],
)
def test_a_hostile_header_gets_a_clear_error(tmp_path: Path, data: bytes, says: str):
    path = tmp_path / "hostile.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=says) as caught:
        read_gguf_header(path)
    assert "xy-core models verify" in str(caught.value)


def test_a_file_that_is_not_there_gets_a_clear_error(tmp_path: Path):
    with pytest.raises(ModelError, match="cannot read"):
        read_gguf_header(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="cannot read"):
        read_gguf_header(tmp_path)


@pytest.mark.parametrize("value", [0, 2**40, -1, "many", [], [0], True])
def test_senseless_numbers_get_a_clear_error(tiny: Path, value: object):
    read = read_gguf_header(tiny)
    read.values["llama.block_count"] = value
    with pytest.raises(ModelError):
        read.block_bytes()


def test_a_number_for_each_layer_counts_as_its_largest(tiny: Path):
    read = read_gguf_header(tiny)
    read.values["llama.attention.head_count_kv"] = [1, 4, 2]
    assert read.number("attention.head_count_kv") == 4


@pytest.mark.parametrize("missing", [0, 100])
def test_no_more_is_read_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
):
    most = 2**20
    monkeypatch.setattr(gguf_header, "MAX_HEADER", most)
    path = tmp_path / "huge.gguf"
    with path.open("wb") as file:
        file.write(header(200, text(b"k"), struct.pack("<IIQ", 9, 8, most // 8 - missing)))
        file.truncate(2**40)  # a sparse file of a terabyte
    with pytest.raises(ModelError, match=r"too large|texts"):
        read_gguf_header(path)


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 6_000))
def test_a_truncated_file_gets_a_clear_error(tiny: Path, cut: int):
    data = tiny.read_bytes()
    path = tiny.with_name("cut.gguf")
    path.write_bytes(data[: min(cut, len(data) // 2)])
    with pytest.raises(ModelError):
        read_gguf_header(path)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=20))
def test_damaged_bytes_never_do_more_than_raise_a_model_error(
    tiny: Path, damage: list[tuple[int, int]]
):
    data = bytearray(tiny.read_bytes())
    for at, byte in damage:
        data[at] = byte
    path = tiny.with_name("damaged.gguf")
    path.write_bytes(data)
    with contextlib.suppress(ModelError):
        Transformer.from_header(read_gguf_header(path))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(header(3) + data)
    with pytest.raises(ModelError):
        read_gguf_header(path)


@pytest.mark.models
@pytest.mark.parametrize(
    ("model", "layers", "vocabulary", "kv_width"),
    [("smollm2-135m-instruct", 30, 49_152, 384), ("gemma3-270m-base", 18, 262_144, 512)],
)
def test_real_models_are_read(
    model_store: ModelStore, model: str, layers: int, vocabulary: int, kv_width: int
):
    found = Transformer.of(model_store, model_store.catalogue.entry(model))
    assert found is not None
    assert (found.layers, found.vocabulary, found.kv_width) == (layers, vocabulary, kv_width)
    weights = model_store.catalogue.entry(model).size
    assert 0.85 * weights < sum(found.blocks) + found.input < weights
