"""Checks picture embeddings that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.picture.kind import PICTURE_DIMENSIONS
from pillion.model import Produced, SidecarFormat


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """A picture's embedding, if it is whole and of this model. Raises ItemError (corrupt)."""
    import msgpack

    try:
        document = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise ItemError(ErrorClass.CORRUPT, f"it is no MessagePack ({error})") from error
    wrong = _wrong(document, variant)
    if wrong is not None:
        raise ItemError(ErrorClass.CORRUPT, f"its {wrong} is not that of picture embeddings of {variant}")
    return Produced(variant=variant, format=SidecarFormat.MESSAGEPACK, data=data)


def _wrong(document: Any, variant: str) -> str | None:
    """The key whose value does not fit; None if all do."""
    if not isinstance(document, dict):
        return "type"
    fixed = {
        "schema_version": 1,
        "kind": "picture-embeddings",
        "model": variant,
        "dim": PICTURE_DIMENSIONS,
        "dtype": "float32-le",
    }
    wrong = next((key for key, value in fixed.items() if document.get(key) != value), None)
    if wrong is not None:
        return wrong
    vector = document.get("vector")
    return None if isinstance(vector, bytes) and len(vector) == PICTURE_DIMENSIONS * 4 else "vector"
