"""Turn the trained network into the int8 ONNX file that the package ships.

Matrices are int8 and multiplied as such. The table of words is a file of its own, int8 with a
scale a word: mapped into memory, only the rows that are looked up take any.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from torch.nn import functional

from training.emotion.base import HEADS, WIDTH
from training.emotion.encoder import Crown, Ground, Layer
from xy_core.modules.emotion.backends.encoder import NETWORK, SCALES, TOKENS, WORDS

_OPSET = 17
_STEPS = 127


class Reader(nn.Module):
    """The whole network for one text, without padding: words' rows in, scores out."""

    def __init__(self, ground: Ground, crown: Crown) -> None:
        super().__init__()
        self.places = ground.places
        self.norm = ground.norm
        self.layers = nn.ModuleList([*ground.layers, *crown.layers])
        self.head = crown.head

    def forward(self, words: Tensor) -> Tensor:
        """Return scores, shape (14,), of the rows of a text's words, shape (1, n, WIDTH)."""
        states = self.norm(words + self.places.weight[: words.shape[1]])
        for layer in self.layers:
            states = _plain(layer, states)
        scores: Tensor = self.head(torch.cat([states.mean(dim=1), states.amax(dim=1)], dim=1))
        return scores[0]


def export(ground: Ground, crown: Crown, tokenizer: str, folder: Path) -> None:
    """Write network, words and tokenizer as the package's backend reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / "plain.onnx"
    torch.onnx.export(
        Reader(ground, crown).eval(),
        (torch.zeros(1, 8, WIDTH),),
        plain,
        input_names=["words"],
        output_names=["scores"],
        dynamic_axes={"words": {1: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    quantize_dynamic(
        plain,
        folder / NETWORK,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )
    plain.unlink()
    words = ground.words.weight.numpy()
    scale = np.abs(words).max(axis=1, keepdims=True).clip(1e-8) / _STEPS
    np.save(folder / WORDS, np.rint(words / scale).astype(np.int8))
    np.save(folder / SCALES, scale.astype(np.float32))
    vocabulary = json.loads(tokenizer)["model"]["vocab"]
    lines = (f"{token}\t{score:.6g}\n" for token, score in vocabulary)
    (folder / TOKENS).write_text("".join(lines), "utf-8")


def _plain(layer: Layer, states: Tensor) -> Tensor:
    """Do what the layer does, spelled out in the operations that ONNX has."""
    length = states.shape[1]
    split = layer.inward(states).view(length, 3, HEADS, WIDTH // HEADS).permute(1, 2, 0, 3)
    query, key, value = split[0], split[1], split[2]
    attention = torch.softmax(query @ key.transpose(1, 2) / (WIDTH // HEADS) ** 0.5, dim=2)
    seen = (attention @ value).transpose(0, 1).reshape(1, length, WIDTH)
    states = layer.first(states + layer.outward(seen))
    normed: Tensor = layer.second(states + layer.narrow(functional.gelu(layer.wide(states))))
    return normed
