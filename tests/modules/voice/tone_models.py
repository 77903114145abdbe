"""Tiny speech models of sherpa-onnx's real classes, made on the spot: they hear tones as words.

No package carries weights for sherpa-onnx. These have the inputs, outputs and metadata of the real
exports; their one layer looks at the energy of low and of high bands: a low tone is "low", a high
tone "high", silence nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xy_core.modules.voice import Audio

RATE = 16_000
LOW, HIGH = 300, 4_000
BINS = 80


def tones(*pieces: tuple[int, float]) -> Audio:
    """Return tones one after the other: hertz (0: silence) and seconds."""
    sounds = [
        0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
        for hertz, seconds in pieces
    ]
    return Audio(np.concatenate(sounds).astype(np.float32), RATE)


def make_sense_voice(folder: Path) -> Path:
    """Write a SenseVoice model: 7 frames stacked, four tags before the text."""
    tokens = ["<blank>", "▁low", "▁high", "<|en|>", "<|NEUTRAL|>", "<|Speech|>", "<|woitn|>"]
    weights, bias = bands(len(tokens), 7, floor=-6, blank=0, low=1, high=2)
    tags = np.full((1, 4, len(tokens)), -50, np.float32)
    tags[0, range(4), range(3, 7)] = 50
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "weights"], ["scores"]),
            helper.make_node("Add", ["scores", "bias"], ["text"]),
            helper.make_node("Concat", ["tags", "text"], ["logits"], axis=1),
        ],
        "sense_voice",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "T", 7 * BINS]),
            *(
                helper.make_tensor_value_info(name, TensorProto.INT32, [1])
                for name in ("x_length", "language", "text_norm")
            ),
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "U", len(tokens)])],
        [constant("weights", weights), constant("bias", bias), constant("tags", tags)],
    )
    languages = {
        f"lang_{code}": at for at, code in enumerate(("auto", "zh", "en", "ja", "ko", "yue"))
    }
    save(
        folder / "model.onnx",
        graph,
        comment="tones",
        vocab_size=len(tokens),
        blank_id=0,
        lfr_window_size=7,
        lfr_window_shift=6,
        normalize_samples=1,
        with_itn=14,
        without_itn=15,
        neg_mean=",".join(["0"] * 7 * BINS),
        inv_stddev=",".join(["1"] * 7 * BINS),
        **languages,
    )
    write_tokens(folder, tokens)
    return folder


def make_streaming_ctc(folder: Path) -> Path:
    """Write a streaming NeMo CTC model: a token for each 4 frames; its caches never change."""
    tokens = ["▁low", "▁high", "<blk>"]
    weights, bias = bands(3, 1, floor=-14, blank=2, low=0, high=1)
    caches = [
        ("cache_last_channel", TensorProto.FLOAT, [1, 1, 1, 1]),
        ("cache_last_time", TensorProto.FLOAT, [1, 1, 1, 1]),
        ("cache_last_channel_len", TensorProto.INT64, [1]),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["audio_signal"], ["frames"], perm=[0, 2, 1]),
            helper.make_node("Reshape", ["frames", "fours"], ["grouped"]),
            helper.make_node("ReduceMean", ["grouped", "two"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["scores"]),
            helper.make_node("Add", ["scores", "bias"], ["logits"]),
            helper.make_node("LogSoftmax", ["logits"], ["logprobs"], axis=-1),
            helper.make_node("Identity", ["length"], ["lengths"]),
            *(helper.make_node("Identity", [name], [f"{name}_next"]) for name, _, _ in caches),
        ],
        "nemo_ctc",
        [
            helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, [1, BINS, "T"]),
            helper.make_tensor_value_info("length", TensorProto.INT64, [1]),
            *(helper.make_tensor_value_info(*cache) for cache in caches),
        ],
        [
            helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, [1, 4, 3]),
            helper.make_tensor_value_info("lengths", TensorProto.INT64, [1]),
            *(helper.make_tensor_value_info(f"{name}_next", *rest) for name, *rest in caches),
        ],
        [
            constant("weights", weights),
            constant("bias", bias),
            constant("fours", np.array([1, 4, 4, BINS], np.int64)),
            constant("two", np.array([2], np.int64)),
        ],
    )
    dimensions = {
        f"cache_last_{name}_dim{at}": 1 for name in ("channel", "time") for at in (1, 2, 3)
    }
    save(
        folder / "model.onnx",
        graph,
        window_size=16,
        chunk_shift=16,
        subsampling_factor=4,
        vocab_size=2,
        **dimensions,
    )
    write_tokens(folder, tokens)
    return folder


def bands(
    tokens: int, stacked: int, *, floor: float, blank: int, low: int, high: int
) -> tuple[np.ndarray, np.ndarray]:
    """A layer whose scores are the mean log energies of low and of high bands, and a floor."""
    weights = np.zeros((stacked, BINS, tokens), np.float32)
    weights[:, 5:25, low] = 1 / (20 * stacked)
    weights[:, 55:75, high] = 1 / (20 * stacked)
    bias = np.full(tokens, -50, np.float32)
    bias[[low, high]] = 0
    bias[blank] = floor
    return weights.reshape(-1, tokens), bias


def constant(name: str, values: np.ndarray) -> TensorProto:
    """Return a weight."""
    return numpy_helper.from_array(values, name)


def save(path: Path, graph: onnx.GraphProto, **facts: object) -> None:
    """Write a graph with the metadata that sherpa-onnx reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {name: str(fact) for name, fact in facts.items()})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_tokens(folder: Path, tokens: list[str]) -> None:
    """Write the names of the tokens beside a model."""
    lines = (f"{token} {number}" for number, token in enumerate(tokens))
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n")
