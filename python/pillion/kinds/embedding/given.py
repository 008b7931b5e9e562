"""Checks embeddings that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.embedding.kind import EMBEDDINGS
from pillion.kinds.stored import vectors_given
from pillion.model import Produced

_DIMENSIONS = 384


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """Embeddings, if they are whole and of this model. Raises ItemError (corrupt)."""
    return vectors_given(EMBEDDINGS, variant, _DIMENSIONS, data, _wrong)


def _wrong(document: dict[str, Any]) -> str | None:
    """What does not fit; None if all does."""
    chunks, vectors = document.get("chunks"), document.get("vectors")
    if not isinstance(chunks, list) or not chunks or not all(_is_chunk(chunk) for chunk in chunks):
        return "list of chunks"
    whole = isinstance(vectors, bytes) and len(vectors) == len(chunks) * _DIMENSIONS * 4
    return None if whole else "block of vectors"


def _is_chunk(chunk: Any) -> bool:
    types = {"source": str, "start": int, "end": int, "text": str}
    return isinstance(chunk, dict) and all(isinstance(chunk.get(key), type_) for key, type_ in types.items())
