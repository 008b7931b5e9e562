"""A model of pictures and texts that is small enough to be known: the mean colour of a picture, and words for colours.

The graphs are written byte by byte, as ONNX is: no package is needed for it. A picture's vector is its mean colour, as
the preprocessing scales it, times three orthogonal directions; a word's is the direction of its colour.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from pillion.kinds.picture import models

DIMENSIONS = 768
WORDS = ("<pad>", "<eos>", "<unk>", "red", "green", "blue", "a", "boat", "photo")
COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1)}
"""Words with the mean of a picture of that colour, from -1 to 1."""
SIGLIP_PREPROCESSOR: dict[str, Any] = {
    "do_convert_rgb": None,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}
CLIP_PREPROCESSOR: dict[str, Any] = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 224},
}


def directions() -> NDArray[np.float32]:
    """One for each of red, green and blue, and one for the end of a text, orthogonal; shape (4, 768)."""
    normal = np.random.default_rng(5).normal(size=(DIMENSIONS, 4))
    return np.linalg.qr(normal)[0].T.astype(np.float32)


def write_model(root: Path, *, mask: bool = False, ends_by_itself: bool = False) -> Path:
    """The model in a folder that ``PILLION_MODELS`` may name; returns the model's own folder.

    ``mask``: the text tower wants an ``attention_mask``, and ignores what that leaves out. ``ends_by_itself``: the
    tokenizer adds the end of a text.
    """
    folder = root / models.MODEL.name
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / models.VISION).write_bytes(picture_tower())
    (folder / models.TEXT).write_bytes(text_tower(mask=mask))
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if ends_by_itself:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="$A <eos>", special_tokens=[("<eos>", 1)]
        )
    tokenizer.save(str(folder / models.TOKENIZER))
    named = {"eos_token": {"content": "<eos>", "lstrip": False}, "pad_token": "<pad>", "model_max_length": 10**30}
    written = {
        models.TOKENIZER_CONFIG: named,
        models.PREPROCESSOR: SIGLIP_PREPROCESSOR,
        models.CONFIG: {"model_type": "siglip", "text_config": {"model_type": "siglip_text_model"}},
    }
    for name, document in written.items():
        (folder / name).write_text(json.dumps(document))
    return folder


def picture_tower() -> bytes:
    """``pixel_values`` (n, 3, 224, 224) -> their means times the directions, and a state that nobody asks for."""
    return _model(
        inputs=[("pixel_values", 1, ["n", 3, 224, 224])],
        nodes=[
            _node("ReduceMean", ["pixel_values"], "means", axes=[2, 3], keepdims=0),
            _node("Identity", ["means"], "last_hidden_state"),
            _node("MatMul", ["means", "directions"], "pooler_output"),
        ],
        weights={"directions": directions()[:3]},
        outputs=[("last_hidden_state", 1, ["n", 3]), ("pooler_output", 1, ["n", DIMENSIONS])],
    )


def text_tower(*, mask: bool = False, dimensions: int = DIMENSIONS) -> bytes:
    """``input_ids`` (n, length) -> the sum of the directions of all words, cut to so many dimensions."""
    nodes = [_node("Gather", ["table", "input_ids"], "each")]
    inputs = [("input_ids", 7, ["n", "length"])]
    if mask:
        inputs.append(("attention_mask", 7, ["n", "length"]))
        nodes += [
            _node("Cast", ["attention_mask"], "kept", to=1),
            _node("Unsqueeze", ["kept", "last"], "column"),
            _node("Mul", ["each", "column"], "shown"),
        ]
    nodes.append(_node("ReduceSum", ["shown" if mask else "each", "one"], "pooler_output", keepdims=0))
    table = np.zeros((len(WORDS), DIMENSIONS), np.float32)
    found = directions()
    for word, colour in COLOURS.items():
        table[WORDS.index(word)] = np.array(colour, np.float32) @ found[:3]
    table[WORDS.index("<eos>")] = 0.1 * found[3]
    if mask:
        table[WORDS.index("<pad>")] = 100.0
    return _model(
        inputs=inputs,
        nodes=nodes,
        weights={"table": np.ascontiguousarray(table[:, :dimensions]), "one": np.array([1]), "last": np.array([2])},
        outputs=[("pooler_output", 1, ["n", dimensions])],
    )


# ONNX as bytes: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto ------------------------------------------------


def _model(
    *,
    inputs: Sequence[tuple[str, int, list[Any]]],
    nodes: Sequence[bytes],
    weights: dict[str, NDArray[Any]],
    outputs: Sequence[tuple[str, int, list[Any]]],
) -> bytes:
    graph = b"".join(
        [
            *(_part(1, node) for node in nodes),
            _part(2, b"graph"),
            *(_part(5, _tensor(name, value)) for name, value in weights.items()),
            *(_part(11, _shaped(*one)) for one in inputs),
            *(_part(12, _shaped(*one)) for one in outputs),
        ]
    )
    return _number(1, 8) + _part(7, graph) + _part(8, _part(1, b"") + _number(2, 13))


def _node(operator: str, inputs: Sequence[str], output: str, **attributes: int | list[int]) -> bytes:
    parts = [*(_part(1, name.encode()) for name in inputs), _part(2, output.encode()), _part(4, operator.encode())]
    for name, given in attributes.items():
        values = b"".join(_number(8, one) for one in given) if isinstance(given, list) else _number(3, given)
        parts.append(_part(5, _part(1, name.encode()) + values + _number(20, 7 if isinstance(given, list) else 2)))
    return b"".join(parts)


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    kind, stored = (1, values.astype("<f4")) if values.dtype.kind == "f" else (7, values.astype("<i8"))
    sides = b"".join(_number(1, side) for side in values.shape)
    return sides + _number(2, kind) + _part(8, name.encode()) + _part(9, stored.tobytes())


def _shaped(name: str, kind: int, sides: list[Any]) -> bytes:
    each = b"".join(_part(1, _part(2, s.encode()) if isinstance(s, str) else _number(1, s)) for s in sides)
    return _part(1, name.encode()) + _part(2, _part(1, _number(1, kind) + _part(2, each)))


def _part(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += struct.pack("B", number & 0x7F | 0x80)
        number >>= 7
    return found + struct.pack("B", number)
