"""More of the models of `tone_models`: transducers, whole and streaming, and Paraformer.

A transducer says one token a frame at most, and its decoder knows what was said last: here it keeps
the joiner from saying the same again, so that a tone is one word. Paraformer says as many tokens as
it finds: here one for each frame that differs from the one before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.modules.voice.tone_models import BINS, bands, constant, save, write_tokens

_TOKENS = ["<blk>", "▁low", "▁high"]
_STACKED = 7
_Info = onnx.ValueInfoProto


def make_transducer(folder: Path) -> Path:
    """Write a zipformer's encoder, decoder and joiner, for whole recordings."""
    graph = helper.make_graph(
        [
            *_fours("x"),
            helper.make_node("Div", ["x_lens", "four"], ["encoder_out_lens"]),
        ],
        "encoder",
        [_floats("x", "N", "T", BINS), _whole("x_lens", "N")],
        [_floats("encoder_out", "N", "U", len(_TOKENS)), _whole("encoder_out_lens", "N")],
        [*_layer(), constant("four", np.array([4], np.int64))],
    )
    save(folder / "encoder.onnx", graph, comment="tones")
    return _said(folder)


def make_streaming_transducer(folder: Path) -> Path:
    """Write an LSTM transducer that takes four frames at a time; its states never change."""
    states = [_floats(name, 1, "N", 1) for name in "hc"]
    graph = helper.make_graph(
        [*_fours("x"), *(helper.make_node("Identity", [name], [f"next_{name}"]) for name in "hc")],
        "encoder",
        [_floats("x", "N", "T", BINS), *states],
        [
            _floats("encoder_out", "N", "U", len(_TOKENS)),
            *(_floats(f"next_{name}", 1, "N", 1) for name in "hc"),
        ],
        _layer(),
    )
    save(
        folder / "encoder.onnx",
        graph,
        model_type="lstm",
        T=4,
        decode_chunk_len=4,
        num_encoder_layers=1,
        rnn_hidden_size=1,
        d_model=1,
    )
    return _said(folder)


def make_paraformer(folder: Path, *, high: str = "high", times: bool = True) -> Path:
    """Write a Paraformer: 7 frames stacked; older exports do not tell when something was said."""
    tokens = ["<blank>", "low", high, "</s>"]
    weights, bias = bands(len(tokens), _STACKED, floor=-6, blank=0, low=1, high=2)
    peaks = ["us_alphas", "us_cif_peak"] if times else []
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["speech", "weights"], ["scores"]),
            helper.make_node("Add", ["scores", "bias"], ["batch"]),
            helper.make_node("Squeeze", ["batch", "zero"], ["frames"]),
            helper.make_node("ArgMax", ["frames"], ["said"], axis=1, keepdims=0),
            helper.make_node("Concat", ["zero", "said"], ["earlier"], axis=0),
            helper.make_node("Slice", ["earlier", "zero", "minus_one"], ["before"]),
            helper.make_node("Equal", ["said", "before"], ["same"]),
            helper.make_node("Not", ["same"], ["new"]),
            helper.make_node("Cast", ["said"], ["sounds"], to=TensorProto.BOOL),
            helper.make_node("And", ["new", "sounds"], ["chosen"]),
            helper.make_node("Compress", ["frames", "chosen"], ["found"], axis=0),
            helper.make_node("Unsqueeze", ["found", "zero"], ["logits"]),
            helper.make_node("Cast", ["chosen"], ["ones"], to=TensorProto.INT32),
            helper.make_node("ReduceSum", ["ones", "zero"], ["token_num"], keepdims=1),
            helper.make_node("Cast", ["chosen"], ["fired"], to=TensorProto.FLOAT),
            helper.make_node("Concat", ["fired", "end_peak"], ["peaks"], axis=0),
            helper.make_node("Unsqueeze", ["peaks", "one"], ["column"]),
            helper.make_node("Pad", ["column", "two_after"], ["thrice"]),
            *(helper.make_node("Reshape", ["thrice", "row"], [name]) for name in peaks),
        ],
        "paraformer",
        [
            _floats("speech", 1, "T", _STACKED * BINS),
            helper.make_tensor_value_info("speech_lengths", TensorProto.INT32, [1]),
        ],
        [
            _floats("logits", 1, "U", len(tokens)),
            helper.make_tensor_value_info("token_num", TensorProto.INT32, [1]),
            *(_floats(name, 1, "V") for name in peaks),
        ],
        [
            constant("weights", weights),
            constant("bias", bias),
            constant("zero", np.array([0], np.int64)),
            constant("minus_one", np.array([-1], np.int64)),
            constant("one", np.array([1], np.int64)),
            constant("two_after", np.array([0, 0, 0, 2], np.int64)),
            constant("end_peak", np.ones(1, np.float32)),
            constant("row", np.array([1, -1], np.int64)),
        ],
    )
    save(
        folder / "model.onnx",
        graph,
        vocab_size=len(tokens),
        lfr_window_size=_STACKED,
        lfr_window_shift=6,
        neg_mean=",".join(["0"] * _STACKED * BINS),
        inv_stddev=",".join(["1"] * _STACKED * BINS),
    )
    write_tokens(folder, tokens)
    return folder


def _said(folder: Path) -> Path:
    """Write what follows an encoder: a decoder that looks at the last token, and a joiner."""
    size = len(_TOKENS)
    again = -100 * np.eye(size, dtype=np.float32)
    again[0] = 0
    decoder = helper.make_graph(
        [
            helper.make_node("Gather", ["y", "last"], ["token"], axis=1),
            helper.make_node("Gather", ["again", "token"], ["decoder_out"], axis=0),
        ],
        "decoder",
        [_whole("y", "N", 2)],
        [_floats("decoder_out", "N", size)],
        [constant("again", again), constant("last", np.array(1, np.int64))],
    )
    joiner = helper.make_graph(
        [helper.make_node("Add", ["encoder_out", "decoder_out"], ["logit"])],
        "joiner",
        [_floats("encoder_out", "N", size), _floats("decoder_out", "N", size)],
        [_floats("logit", "N", size)],
    )
    save(folder / "decoder.onnx", decoder, vocab_size=size, context_size=2)
    save(folder / "joiner.onnx", joiner, joiner_dim=size)
    write_tokens(folder, _TOKENS)
    return folder


def _fours(name: str) -> list[onnx.NodeProto]:
    """The mean of each four frames, through the layer."""
    return [
        helper.make_node("Transpose", [name], ["bins"], perm=[0, 2, 1]),
        helper.make_node("AveragePool", ["bins"], ["means"], kernel_shape=[4], strides=[4]),
        helper.make_node("Transpose", ["means"], ["grouped"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["grouped", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["encoder_out"]),
    ]


def _layer() -> list[TensorProto]:
    weights, bias = bands(len(_TOKENS), 1, floor=-8, blank=0, low=1, high=2)
    return [constant("weights", weights), constant("bias", bias)]


def _floats(name: str, *shape: str | int) -> _Info:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _whole(name: str, *shape: str | int) -> _Info:
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)
