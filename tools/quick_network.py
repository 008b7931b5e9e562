"""Make python/pillion/kinds/ocr/PP-OCRv6_rec_tiny_latin.onnx: PP-OCR's smallest recogniser with Latin letters alone.

``quick_network.py MODEL CHARACTERS``: PP-OCRv6_tiny_rec by the PaddlePaddle authors (Apache-2.0) and a JSON array of
its characters, both in the source distribution of faster-paddle 1.0.4 (``models/tiny/``). Of its 6,906 classes those
for Latin letters, digits and marks are kept, and large weights are stored in 16 bits. Needs the package onnx, which
nothing else here does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pillion.kinds.ocr.latin import is_latin

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "python" / "pillion" / "kinds" / "ocr" / "PP-OCRv6_rec_tiny_latin.onnx"
SOURCE = "63e9e23c26f77daf61ade813ad3b3b25283a4ddd229adfe227ff9ad48b68da75"
"""SHA-256 of the model."""
_LARGE = 1000
"""Numbers from which weights are stored in 16 bits."""


def made(model: onnx.ModelProto, characters: list[str]) -> bytes:
    """The smaller model. The first class is for no character, the last for a space."""
    kept = [character for character in characters if is_latin(character)]
    classes = [
        0,
        *(1 + place for place, character in enumerate(characters) if is_latin(character)),
        len(characters) + 1,
    ]
    graph = model.graph
    weights = [_cut(numpy_helper.to_array(one), len(characters) + 2, classes) for one in graph.initializer]
    names = [one.name for one in graph.initializer]
    del graph.initializer[:], graph.value_info[:], model.metadata_props[:]
    casts = []
    for name, weight in zip(names, weights, strict=True):
        is_large = weight.dtype == np.float32 and weight.size >= _LARGE
        stored = f"{name}.16" if is_large else name
        graph.initializer.append(numpy_helper.from_array(weight.astype(np.float16) if is_large else weight, stored))
        if is_large:
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(classes)
    model.metadata_props.add(key="character", value="\n".join(kept))
    model.doc_string = "PP-OCRv6_tiny_rec, PaddlePaddle Authors, Apache-2.0; changed: Latin characters alone, 16 bits"
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _cut(weight: np.ndarray, count: int, classes: list[int]) -> np.ndarray:
    is_of_classes = weight.ndim and weight.shape[-1] == count
    return np.ascontiguousarray(weight[..., classes]) if is_of_classes else weight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("characters", type=Path)
    arguments = parser.parse_args()
    data = arguments.model.read_bytes()
    if hashlib.sha256(data).hexdigest() != SOURCE:
        raise SystemExit("another model than this was written for")
    model = made(onnx.load_from_string(data), json.loads(arguments.characters.read_text()))
    FILE.write_bytes(model)
    print(len(model), hashlib.sha256(model).hexdigest())


if __name__ == "__main__":
    main()
