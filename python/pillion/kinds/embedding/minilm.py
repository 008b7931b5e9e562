"""all-MiniLM-L6-v2 on CTranslate2: sentences to vectors, without torch. The only importer of its encoder.

The weights come as safetensors. They are converted once into CTranslate2's own format, in the user's cache folder,
by filling a ``TransformerEncoderModelSpec`` with numpy: 6 layers, 12 heads, post-norm, GELU, and two source
embeddings added (word and token type).
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion import _core, extras, machine
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.embedding import models
from pillion.weights.cache import filled_folder
from pillion.weights.finding import loading
from pillion.weights.outside import made_outside

if TYPE_CHECKING:
    import ctranslate2
    import tokenizers

NAME = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
"""The model was trained on up to 256 tokens, the two special ones included; the rest of a text is ignored."""
DEFAULT_COMPUTE = "int8"
"""Its vectors have a cosine of at least 0.99 to float32's, in a quarter of the memory and about half the time."""

SHORT_TOKENS = 9
"""Texts of fewer tokens, the special ones included, are computed in float32 even in ``int8``: so few tokens do not
average out rounding errors, and the cosine would fall to 0.976."""

_HAS_INT8 = _core.SUMS_INT8_EXACTLY
"""Without it all is computed in float32: sums that are cut bring the cosine down to 0.9835, and int8 would save a
quarter of the time, not half."""

_CONVERSION = 2
"""Raised when the conversion changes, so that an older cached model is not used."""
_LAYERS = 6
_HEADS = 12
_LAYER_NORM_EPSILON = 1e-12
_BATCH_TOKENS = 1024
"""About what fits into the CPU's caches; larger batches are slower."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("embeddings", "embeddings")


@dataclass(frozen=True, slots=True)
class Token:
    """The place of a token in its text: character offsets, end excluded."""

    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The text's tokens without the special ones, never truncated."""
    encoding = _tokenizer().encode(text, add_special_tokens=False)
    return [Token(start, end) for start, end in encoding.offsets]


def embed(texts: Sequence[str], *, compute: str = DEFAULT_COMPUTE, threads: int | None = None) -> NDArray[np.float32]:
    """Unit vectors of the texts, shape (n, 384). Only a text's first 256 tokens are used.

    ``compute``: ``int8`` or ``float32``. ``threads``: how many compute; None: as many as there are cores. A text's
    vector is the same to the last bit whatever is embedded with it. Raises ItemError (missing_tool) if the engine or
    the model is missing.
    """
    if not texts:
        return np.zeros((0, DIMENSIONS), dtype=np.float32)
    threads = threads or machine.threads_available()
    encodings = [_shortened(encoding.ids) for encoding in _tokenizer().encode_batch(list(texts))]
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    for arithmetic, rows in _batches([len(ids) for ids in encodings], compute):
        vectors[rows] = _pooled(_loaded(arithmetic, threads), [encodings[row] for row in rows])
    return vectors


def load(compute: str = DEFAULT_COMPUTE) -> None:
    """Load all that embedding takes. Raises what :func:`embed` does."""
    embed(["short", "longer " * SHORT_TOKENS], compute=compute)


def _pooled(encoder: ctranslate2.Encoder, ids: list[list[int]]) -> NDArray[np.float32]:
    """Mean of each text's token vectors, unit length; shape (len(ids), 384). All texts have the same length."""
    output = encoder.forward_batch(ids, token_type_ids=[[0] * len(row) for row in ids])
    mean = np.asarray(output.last_hidden_state, dtype=np.float32).mean(axis=1)
    norm = np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    unit: NDArray[np.float32] = (mean / norm).astype(np.float32)
    return unit


def _shortened(ids: list[int]) -> list[int]:
    """At most MAX_TOKENS ids, the last of them still the separator."""
    return ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]


def _batches(lengths: Sequence[int], compute: str) -> Iterator[tuple[str, list[int]]]:
    """(arithmetic, rows) for each pass through the model, longest texts first.

    The other texts of a batch must not change a bit of a text's vector. So a batch holds texts of one length only,
    because padding changes the order of sums. In float32 each text is computed alone, because a larger matrix is
    summed in another order; in int8 the products are exact.
    """
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        by_length.setdefault(length, []).append(row)
    for length in sorted(by_length, reverse=True):
        arithmetic = compute if _HAS_INT8 and length >= SHORT_TOKENS else "float32"
        size = 1 if arithmetic == "float32" else max(1, _BATCH_TOKENS // length)
        rows = by_length[length]
        for begin in range(0, len(rows), size):
            yield arithmetic, rows[begin : begin + size]


@functools.cache
def _tokenizer() -> tokenizers.Tokenizer:
    _check_installed()
    import tokenizers

    folder = models.found().path
    with loading(models.MODEL.title, folder):
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / models.MODEL.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@functools.cache
def _loaded(arithmetic: str, threads: int) -> ctranslate2.Encoder:
    _check_installed()
    import ctranslate2

    folder = converted(storage_of(arithmetic))
    with loading(models.MODEL.title, folder):
        return ctranslate2.Encoder(str(folder), device="cpu", compute_type=arithmetic, intra_threads=threads)


def _check_installed() -> None:
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)


# conversion -----------------------------------------------------------------------------------------------------------


def storage_of(arithmetic: str) -> str:
    """The type of the weights for an arithmetic."""
    return "float32" if arithmetic == "float32" else "int8"


@made_outside
def converted(storage: str) -> Path:
    """The folder of the model in CTranslate2 format, with weights of a type: "float32" or "int8"."""
    source = models.found()
    name = f"{NAME}-{storage}-{_CONVERSION}-{source.sha256[:12]}"
    return filled_folder(name, functools.partial(_convert, source.path, storage))


def _convert(source: Path, storage: str, folder: Path) -> None:
    """Write the CTranslate2 model into the empty ``folder``."""
    from ctranslate2.specs import common_spec, transformer_spec

    weights = _safetensors(source / "model.safetensors")
    if storage != "float32":
        weights = centred(weights)
    encoder = transformer_spec.TransformerEncoderSpec(
        _LAYERS,
        _HEADS,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    _fill_embeddings(spec.encoder, weights)
    for number, layer in enumerate(spec.encoder.layer):
        _fill_layer(layer, weights, f"encoder.layer.{number}.")
    spec.config.layer_norm_epsilon = _LAYER_NORM_EPSILON
    spec.register_vocabulary(_vocabulary(source / models.MODEL.tokenizer))
    spec.validate()
    spec.optimize(quantization=None if storage == "float32" else storage)
    spec.save(str(folder))


def centred(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The same model with centred inputs to its layers; exact except for the rounding of float32.

    A few channels of MiniLM are far from zero in nearly every token and use up the range of int8. So each
    normalisation's mean output is subtracted from its bias; the products after it get their share back in their own
    biases, and the residual sum in the bias of the product that is added to it.
    """
    changed = dict(weights)
    for number, centres in enumerate(_centres()):
        before = "embeddings" if number == 0 else f"encoder.layer.{number - 1}.output"
        layer = f"encoder.layer.{number}."
        attention = [f"{layer}attention.self.{name}" for name in ("query", "key", "value")]
        _move(changed, f"{before}.LayerNorm", attention, f"{layer}attention.output.dense", centres[0])
        feed = f"{layer}attention.output.LayerNorm"
        _move(changed, feed, [f"{layer}intermediate.dense"], f"{layer}output.dense", centres[1])
    return changed


def _move(
    weights: dict[str, NDArray[np.float32]], norm: str, products: list[str], sum_: str, centre: NDArray[np.float32]
) -> None:
    """Subtract ``centre`` from a normalisation's output, and add it back in all that use that output."""
    weights[f"{norm}.bias"] = weights[f"{norm}.bias"] - centre
    for name in products:
        weights[f"{name}.bias"] = weights[f"{name}.bias"] + weights[f"{name}.weight"] @ centre
    weights[f"{sum_}.bias"] = weights[f"{sum_}.bias"] + centre


def _centres() -> NDArray[np.float32]:
    """Mean inputs of the attention and of the feed-forward part of each layer, shape (6, 2, 384).

    Made by tools/minilm_centres.py from the model itself.
    """
    data = resources.files("pillion.kinds.embedding").joinpath("minilm_centres.f2").read_bytes()
    return np.frombuffer(data, dtype="<f2").astype(np.float32).reshape(_LAYERS, 2, DIMENSIONS)


def _fill_embeddings(encoder: Any, weights: dict[str, NDArray[np.float32]]) -> None:
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weights["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = weights["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = weights["embeddings.position_embeddings.weight"]
    _fill_norm(encoder.layernorm_embedding, weights, "embeddings.LayerNorm")


def _fill_layer(layer: Any, weights: dict[str, NDArray[np.float32]], prefix: str) -> None:
    attention = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
    fused, output = layer.self_attention.linear
    fused.weight = np.concatenate([weights[f"{name}.weight"] for name in attention])
    fused.bias = np.concatenate([weights[f"{name}.bias"] for name in attention])
    _fill_linear(output, weights, f"{prefix}attention.output.dense")
    _fill_norm(layer.self_attention.layer_norm, weights, f"{prefix}attention.output.LayerNorm")
    _fill_linear(layer.ffn.linear_0, weights, f"{prefix}intermediate.dense")
    _fill_linear(layer.ffn.linear_1, weights, f"{prefix}output.dense")
    _fill_norm(layer.ffn.layer_norm, weights, f"{prefix}output.LayerNorm")


def _fill_linear(linear: Any, weights: dict[str, NDArray[np.float32]], name: str) -> None:
    linear.weight = weights[f"{name}.weight"]
    linear.bias = weights[f"{name}.bias"]


def _fill_norm(norm: Any, weights: dict[str, NDArray[np.float32]], name: str) -> None:
    norm.gamma = weights[f"{name}.weight"]
    norm.beta = weights[f"{name}.bias"]


def _safetensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors of a safetensors file: an 8-byte length, a JSON header, then the data."""
    with path.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(size))
        data = bytearray(stream.read())  # writable, since quantising works in place
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            count = (end - start) // 4
            tensors[name] = np.frombuffer(data, dtype="<f4", count=count, offset=start).reshape(entry["shape"])
    return tensors


def _vocabulary(tokenizer: Path) -> list[str]:
    vocabulary: dict[str, int] = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(vocabulary, key=lambda word: vocabulary[word])
