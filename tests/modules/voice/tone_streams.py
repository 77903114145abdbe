"""The streaming models of `tone_models` whose states are many: Zipformer CTC and Paraformer.

A tone is told from the frames alone, so the states come back as they went in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from tests.modules.voice.tone_models import BINS, bands, constant, save, write_tokens

_STACKED = 7
_WIDTH = _STACKED * BINS
_CHUNK = 8
"""Frames at a time."""


def make_streaming_zipformer(folder: Path) -> Path:
    """Write a Zipformer CTC of one block: a token for each 4 frames."""
    tokens = ["<blk>", "▁low", "▁high"]
    weights, bias = bands(3, 1, floor=-8, blank=0, low=1, high=2)
    states = {
        "key": [1, "N", 1],
        "nonlin_attn": [1, "N", 1, 3],
        "val1": [1, "N", 1],
        "val2": [1, "N", 1],
        "conv1": ["N", 4, 1],
        "conv2": ["N", 4, 1],
        "embed_states": ["N", 128, 3, 19],
    }
    floats = [(name, TensorProto.FLOAT, shape) for name, shape in states.items()] + [
        ("processed_lens", TensorProto.INT64, ["N"])
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["x"], ["bins"], perm=[0, 2, 1]),
            helper.make_node("AveragePool", ["bins"], ["means"], kernel_shape=[4], strides=[4]),
            helper.make_node("Transpose", ["means"], ["grouped"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["grouped", "weights"], ["scores"]),
            helper.make_node("Add", ["scores", "bias"], ["logits"]),
            helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=-1),
            *(helper.make_node("Identity", [name], [f"new_{name}"]) for name, _, _ in floats),
        ],
        "zipformer2_ctc",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", _CHUNK, BINS]),
            *(helper.make_tensor_value_info(*state) for state in floats),
        ],
        [
            helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["N", "U", 3]),
            *(helper.make_tensor_value_info(f"new_{name}", *rest) for name, *rest in floats),
        ],
        [constant("weights", weights), constant("bias", bias)],
    )
    save(
        folder / "model.onnx",
        graph,
        model_type="zipformer2",
        encoder_dims=4,
        query_head_dims=1,
        value_head_dims=1,
        num_heads=1,
        num_encoder_layers=1,
        cnn_module_kernels=3,
        left_context_len=1,
        T=_CHUNK,
        decode_chunk_len=_CHUNK,
    )
    write_tokens(folder, tokens)
    return folder


def make_streaming_paraformer(folder: Path) -> Path:
    """Write a Paraformer whose encoder hands on the frames, and fires where a tone begins."""
    tokens = ["<blank>", "low", "high", "</s>"]
    # sherpa-onnx multiplies the frames by the root of the width, and adds their positions.
    weights, bias = bands(len(tokens), _STACKED, floor=-6, blank=0, low=1, high=2)
    weights /= np.sqrt(_WIDTH)
    layer = [
        helper.make_node("MatMul", ["frames", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
    ]
    constants = [constant("weights", weights), constant("bias", bias)]
    encoder = helper.make_graph(
        [
            helper.make_node("Identity", ["speech"], ["frames"]),
            *layer,
            helper.make_node("ArgMax", ["logits"], ["said"], axis=2, keepdims=0),
            helper.make_node("Concat", ["nothing", "said"], ["earlier"], axis=1),
            helper.make_node("Slice", ["earlier", "start", "end", "axis"], ["before"]),
            helper.make_node("Equal", ["said", "before"], ["same"]),
            helper.make_node("Not", ["same"], ["new"]),
            helper.make_node("Cast", ["said"], ["sounds"], to=TensorProto.BOOL),
            helper.make_node("And", ["new", "sounds"], ["fires"]),
            helper.make_node("Cast", ["fires"], ["alphas"], to=TensorProto.FLOAT),
            helper.make_node("Identity", ["speech"], ["enc"]),
            helper.make_node("Identity", ["speech_lengths"], ["enc_len"]),
        ],
        "encoder",
        [_floats("speech", 1, "T", _WIDTH), _lengths("speech_lengths")],
        [_floats("enc", 1, "T", _WIDTH), _lengths("enc_len"), _floats("alphas", 1, "T")],
        [
            *constants,
            constant("nothing", np.zeros((1, 1), np.int64)),
            constant("start", np.array([0], np.int64)),
            constant("end", np.array([-1], np.int64)),
            constant("axis", np.array([1], np.int64)),
        ],
    )
    facts = {
        "vocab_size": len(tokens),
        "lfr_window_size": _STACKED,
        "lfr_window_shift": 6,
        "encoder_output_size": _WIDTH,
        "decoder_num_blocks": 1,
        "decoder_kernel_size": 2,
        "neg_mean": ",".join(["0"] * _WIDTH),
        "inv_stddev": ",".join(["1"] * _WIDTH),
    }
    save(folder / "encoder.onnx", encoder, **facts)
    decoder = helper.make_graph(
        [
            helper.make_node("Identity", ["acoustic_embeds"], ["frames"]),
            *layer,
            helper.make_node("ArgMax", ["logits"], ["sample_ids"], axis=2, keepdims=0),
            helper.make_node("Identity", ["in_cache_0"], ["out_cache_0"]),
        ],
        "decoder",
        [
            _floats("enc", 1, "T", _WIDTH),
            _lengths("enc_len"),
            _floats("acoustic_embeds", 1, "U", _WIDTH),
            _lengths("acoustic_embeds_len"),
            _floats("in_cache_0", 1, _WIDTH, "K"),
        ],
        [
            _floats("logits", 1, "U", len(tokens)),
            helper.make_tensor_value_info("sample_ids", TensorProto.INT64, [1, "U"]),
            _floats("out_cache_0", 1, _WIDTH, "K"),
        ],
        constants,
    )
    save(folder / "decoder.onnx", decoder)
    write_tokens(folder, tokens)
    return folder


def _floats(name: str, *shape: str | int):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _lengths(name: str):
    return helper.make_tensor_value_info(name, TensorProto.INT32, [1])
