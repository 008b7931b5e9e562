"""SigLIP 2 base at 224 pixels, the model of pictures and texts: its files, and where they are.

The towers are those of the hub's repository of ONNX files, in int8: 95 MB look at pictures, 283 MB read texts.
"""

from __future__ import annotations

from pathlib import Path

from pillion.kinds.picture.kind import PICTURE_EMBEDDINGS, PICTURE_MODEL
from pillion.weights.cache import sha256_of
from pillion.weights.finding import local, resolved
from pillion.weights.known import KnownModel, ModelFolder
from pillion.weights.outside import made_outside
from pillion.weights.rows import ModelRow, model_row

VISION = "onnx/vision_model_int8.onnx"
TEXT = "onnx/text_model_int8.onnx"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
PREPROCESSOR = "preprocessor_config.json"
CONFIG = "config.json"

_PINNED = {
    VISION: "0dd31785a2713f1113ef2272472165c69d580473dae38d7b47568ac587795e70",
    TEXT: "3a0603d3a00c05a80a6ded4743c16aaac7b1e62cdcc7e362e7ce418659b96400",
    TOKENIZER: "cb9140fae3ac5122c972d37adf83e1248471a38147ad76f8215c8872c6fd8322",
    TOKENIZER_CONFIG: "7c3a247599e741bceba1a3fe0285aea88d1044dc1fad2caa1e48cdd9fd25f630",
    PREPROCESSOR: "9b36b57ebaf20f09bf4c22100ccc21877ea6bfe5aead0c00c59f8af8ccefacfc",
    CONFIG: "e43a9f7692d3819886a82cb2097048258d444f123c67d37ec825f9345b019cf2",
}

MODEL = KnownModel(
    name=PICTURE_MODEL,
    title="the picture model SigLIP 2 base (224 pixels)",
    weights=VISION,
    sha256=_PINNED[VISION],
    tokenizer=TOKENIZER,
    tokenizer_sha256=_PINNED[TOKENIZER],
    hub="onnx-community/siglip2-base-patch16-224-ONNX",
    revision="ba1f3b0843f24bc5417d38e19c37b287d719b2f4",
    files=tuple(_PINNED),
    pinned=_PINNED,
)

FLOOR = 0.08
"""Pictures whose cosine with a text is less are not found by it.

The model was trained to give a pair the logit 112.7 * cosine - 16.8: less than 0.08 means that it takes the odds that
text and picture belong together to be below 1 : 2,000. Not measured here, where its weights cannot be had."""

ALIKE = 0.6
"""Pictures whose cosine with another picture is less are not like it. Not measured here either."""


@made_outside
def found() -> ModelFolder:
    """The folder that holds the model's files. Raises ItemError (missing_tool)."""
    return resolved(MODEL, None)


def identity() -> str:
    """``siglip2-base-patch16-224@sha256:...+preprocessor@sha256:...`` for recipes: what decides a picture's vector."""
    folder = local(MODEL)
    vision, preprocessor = (_sha256(folder, name) for name in (VISION, PREPROCESSOR))
    return f"{MODEL.name}@sha256:{vision}+preprocessor@sha256:{preprocessor}"


def _sha256(folder: Path | None, name: str) -> str:
    return _PINNED[name] if folder is None else sha256_of(folder / name)


def rows() -> list[ModelRow]:
    """The model, for ``pillion models``. Loads nothing."""
    return [model_row(PICTURE_EMBEDDINGS, MODEL)]
