"""Checks embeddings that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.model import Produced, SidecarFormat

_DIMENSIONS = 384


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """Embeddings, if they are whole and of this model. Raises ItemError (corrupt)."""
    import msgpack

    try:
        document = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise ItemError(ErrorClass.CORRUPT, f"it is no MessagePack ({error})") from error
    wrong = _wrong(document, variant)
    if wrong is not None:
        raise ItemError(ErrorClass.CORRUPT, f"its {wrong} is not that of embeddings of {variant}")
    return Produced(variant=variant, format=SidecarFormat.MESSAGEPACK, data=data)


def _wrong(document: Any, variant: str) -> str | None:
    """The key whose value does not fit; None if all do."""
    if not isinstance(document, dict):
        return "type"
    fixed = {"schema_version": 1, "kind": "embeddings", "model": variant, "dim": _DIMENSIONS, "dtype": "float32-le"}
    wrong = next((key for key, value in fixed.items() if document.get(key) != value), None)
    if wrong is not None:
        return wrong
    chunks, vectors = document.get("chunks"), document.get("vectors")
    if not isinstance(chunks, list) or not chunks or not all(_is_chunk(chunk) for chunk in chunks):
        return "list of chunks"
    whole = isinstance(vectors, bytes) and len(vectors) == len(chunks) * _DIMENSIONS * 4
    return None if whole else "block of vectors"


def _is_chunk(chunk: Any) -> bool:
    types = {"source": str, "start": int, "end": int, "text": str}
    return isinstance(chunk, dict) and all(isinstance(chunk.get(key), type_) for key, type_ in types.items())
