"""Checks picture embeddings that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.picture.kind import PICTURE_DIMENSIONS, PICTURE_EMBEDDINGS
from pillion.kinds.stored import vectors_given
from pillion.model import Produced


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """A picture's embedding, if it is whole and of this model. Raises ItemError (corrupt)."""
    return vectors_given(PICTURE_EMBEDDINGS, variant, PICTURE_DIMENSIONS, data, _wrong)


def _wrong(document: dict[str, Any]) -> str | None:
    vector = document.get("vector")
    return None if isinstance(vector, bytes) and len(vector) == PICTURE_DIMENSIONS * 4 else "vector"
