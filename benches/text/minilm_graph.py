"""Write all-MiniLM-L6-v2 as an ONNX graph: ``python minilm_graph.py WEIGHTS.safetensors GRAPH.onnx``.

Runs in an environment that has ``onnx`` and nothing of Pillion. The graph takes ``ids`` and ``mask``, both int64 of
shape (batch, length), and gives ``hidden``, float32 of shape (batch, length, 384). It uses the operators that
onnxruntime has fast kernels for (LayerNormalization, Gelu), as an exporter would.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

LAYERS, HEADS, WIDTH = 6, 12, 384


class Graph:
    """Nodes and weights, named as they come."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name

    def weight(self, name: str, *, turned: bool = False) -> str:
        value = self.weights[name]
        return self.constant(name, np.ascontiguousarray(value.T) if turned else value)

    def product(self, x: str, name: str) -> str:
        summed = self.add("MatMul", x, self.weight(f"{name}.weight", turned=True))
        return self.add("Add", summed, self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        gain, bias = self.weight(f"{name}.LayerNorm.weight"), self.weight(f"{name}.LayerNorm.bias")
        return self.add("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-12)

    def heads(self, x: str, name: str, order: list[int]) -> str:
        split = self.add("Reshape", self.product(x, name), self.constant("split", np.array([0, 0, HEADS, -1])))
        return self.add("Transpose", split, perm=order)


def build(weights: dict[str, np.ndarray]) -> Graph:
    graph = Graph(weights)
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "ids")
    length = graph.add("Gather", graph.add("Shape", "ids"), graph.constant("one", np.array(1)), axis=0)
    steps = graph.add("Range", graph.constant("zero", np.array(0)), length, "one")
    places = graph.add("Gather", graph.weight("embeddings.position_embeddings.weight"), steps)
    kind = graph.constant("kind", weights["embeddings.token_type_embeddings.weight"][0])
    x = graph.norm(graph.add("Add", graph.add("Add", words, places), kind), "embeddings")
    mask = graph.add("Cast", "mask", to=TensorProto.FLOAT)
    away = graph.add("Sub", mask, graph.constant("kept", np.array(1, np.float32)))
    away = graph.add("Mul", away, graph.constant("far", np.array(1e9, np.float32)))
    away = graph.add("Unsqueeze", away, graph.constant("axes", np.array([1, 2])))
    for layer in range(LAYERS):
        x = _layer(graph, x, away, f"encoder.layer.{layer}.")
    graph.add("Identity", x)
    return graph


def _layer(graph: Graph, x: str, away: str, at: str) -> str:
    query = graph.heads(x, f"{at}attention.self.query", [0, 2, 1, 3])
    key = graph.heads(x, f"{at}attention.self.key", [0, 2, 3, 1])
    value = graph.heads(x, f"{at}attention.self.value", [0, 2, 1, 3])
    scale = graph.constant("scale", np.array(1 / math.sqrt(WIDTH // HEADS), np.float32))
    scores = graph.add("Add", graph.add("Mul", graph.add("MatMul", query, key), scale), away)
    mixed = graph.add("Transpose", graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value), perm=[0, 2, 1, 3])
    joined = graph.add("Reshape", mixed, graph.constant("joined", np.array([0, 0, WIDTH])))
    x = graph.norm(graph.add("Add", x, graph.product(joined, f"{at}attention.output.dense")), f"{at}attention.output")
    inner = graph.add("Gelu", graph.product(x, f"{at}intermediate.dense"))
    return graph.norm(graph.add("Add", x, graph.product(inner, f"{at}output.dense")), f"{at}output")


def read(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:begin]).items():
        if entry.get("dtype") == "F32":
            first, last = (begin + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[first:last], "<f4").reshape(entry["shape"])
    return tensors


def main() -> None:
    graph = build(read(Path(sys.argv[1])))
    graph.nodes[-1].output[0] = "hidden"
    shape = ["batch", "length"]
    made = helper.make_graph(
        graph.nodes,
        "minilm",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("ids", "mask")],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [*shape, WIDTH])],
        [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), sys.argv[2])


if __name__ == "__main__":
    main()
