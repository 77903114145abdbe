"""The graph of multilingual-e5-small as onnxruntime reads it, without its weights.

The weights come from the catalogue, in four bits; the backend makes int8 of them when it loads
(`modules/memory/backends/e5.py`) and hands them over by the names that are given here. The graph
takes the rows of one text's words, float32 (n, 384), and returns the mean of its tokens' states.

Run it with ``python -m training.memory.graph``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from xy_core.modules.memory.backends.e5_file import HEADS, LAYERS, MATRICES, POSITIONS, WIDTH

_TARGET = Path("src/xy_core/modules/memory/backends/e5.onnx")
_OPSET = 20
_IR = 9
_EPSILON = 1e-12
_HEAD = WIDTH // HEADS


class _Graph:
    """Nodes and weights, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: object) -> str:
        """Add an operation; returns the name of its first result, the others count on from it."""
        names = [f"t{len(self.nodes)}.{place}" for place in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def weight(self, name: str, *shape: int, kind: int = TensorProto.FLOAT) -> str:
        """Name a weight that is handed over when the graph is loaded."""
        tensor = TensorProto(name=name, dims=shape, data_type=kind)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights")
        self.constants.append(tensor)
        return name

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(value)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        self.constants.append(
            helper.make_tensor(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.ravel()
            )
        )
        return name

    def linear(self, states: str, name: str) -> str:
        """Multiply by an int8 matrix with a scale a column, and add a bias."""
        rows, columns = MATRICES[name.partition(".")[2]]
        quantized = self.add("DynamicQuantizeLinear", [states], 3)
        steps, scale, zero = (quantized[:-1] + str(place) for place in range(3))
        matrix = self.weight(f"{name}.w", rows, columns, kind=TensorProto.INT8)
        product = self.add("MatMulInteger", [steps, matrix, zero])
        scales = self.add("Mul", [scale, self.weight(f"{name}.s", columns)])
        scaled = self.add("Mul", [self.add("Cast", [product], to=TensorProto.FLOAT), scales])
        return self.add("Add", [scaled, self.weight(f"{name}.b", columns)])

    def norm(self, states: str, name: str) -> str:
        weights = [self.weight(f"{name}.{part}", WIDTH) for part in "wb"]
        return self.add("LayerNormalization", [states, *weights], epsilon=_EPSILON)

    def attention(self, states: str, name: str) -> str:
        """Look at all words from each (Vaswani et al. 2017)."""
        split = self.constant([0, 3, HEADS, _HEAD])
        inward = self.add("Reshape", [self.linear(states, f"{name}.qkv"), split])
        turned = self.add("Transpose", [inward], perm=[1, 2, 0, 3])
        first = self.add("Split", [turned], 3, axis=0, num_outputs=3)
        query, key, value = (first[:-1] + str(place) for place in range(3))
        alike = self.add("MatMul", [query, self.add("Transpose", [key], perm=[0, 1, 3, 2])])
        alike = self.add("Mul", [alike, self.constant(_HEAD**-0.5)])
        seen = self.add("MatMul", [self.add("Softmax", [alike], axis=-1), value])
        merged = self.add("Transpose", [seen], perm=[0, 2, 1, 3])
        return self.linear(self.add("Reshape", [merged, self.constant([-1, WIDTH])]), f"{name}.ao")

    def layer(self, states: str, name: str) -> str:
        """One layer of BERT (Devlin et al. 2019), normalised after each part."""
        seen = self.add("Add", [states, self.attention(states, name)])
        states = self.norm(seen, f"{name}.aln")
        wide = self.add("Gelu", [self.linear(states, f"{name}.fi")])
        thought = self.add("Add", [states, self.linear(wide, f"{name}.fo")])
        return self.norm(thought, f"{name}.oln")


def build() -> ModelProto:
    """Return the graph."""
    graph = _Graph()
    count = graph.add("Slice", [graph.add("Shape", ["words"]), *map(graph.constant, ([0], [1]))])
    places = graph.weight("places", POSITIONS, WIDTH)
    here = graph.add("Slice", [places, graph.constant([0]), count])
    states = graph.norm(graph.add("Add", ["words", here]), "emb.ln")
    for number in range(LAYERS):
        states = graph.layer(states, f"l{number}")
    mean = graph.add("ReduceMean", [states, graph.constant([0])], keepdims=0)
    graph.nodes.append(helper.make_node("Identity", [mean], ["vector"]))
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "multilingual-e5-small",
            [_value("words", None, WIDTH)],
            [_value("vector", WIDTH)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
    )


def _value(name: str, *shape: int | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


if __name__ == "__main__":
    _TARGET.write_bytes(build().SerializeToString())
