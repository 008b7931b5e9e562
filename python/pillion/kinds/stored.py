"""Results as they are stored: as JSON, deterministic, with sorted keys, rounded numbers and one newline at the end; and
the check of vectors that somebody else made, which are MessagePack.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.model import Produced, SidecarFormat
from pillion.unicode import well_formed


def sidecar_json(document: Mapping[str, Any]) -> str:
    """The text of a JSON sidecar, which is valid Unicode whatever is in the document."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return well_formed(text) + "\n"


@contextmanager
def reading(kind: str, text: str | bytes) -> Iterator[dict[str, Any]]:
    """The JSON object of a sidecar of ``kind``. Errors inside, such as a missing field, become ItemError (corrupt)."""
    try:
        document = json.loads(text)
        if document["kind"] != kind:
            raise ItemError(ErrorClass.CORRUPT, f"the sidecar is one of {document['kind']}, not of {kind}")
        yield document
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ItemError(ErrorClass.CORRUPT, f"the sidecar is not whole ({type(error).__name__}: {error})") from error


def vectors_given(
    kind: str, variant: str, dimensions: int, data: bytes, wrong_in: Callable[[dict[str, Any]], str | None]
) -> Produced:
    """The vectors of a sidecar of ``kind``, if they are whole and of the model ``variant``. Raises ItemError (corrupt).

    ``wrong_in``: the key of the document whose value does not fit; None if all do.
    """
    import msgpack

    try:
        document = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise ItemError(ErrorClass.CORRUPT, f"it is no MessagePack ({error})") from error
    wrong = _wrong_head(document, kind, variant, dimensions) or wrong_in(document)
    if wrong is not None:
        raise ItemError(ErrorClass.CORRUPT, f"its {wrong} is not that of {kind.replace('-', ' ')} of {variant}")
    return Produced(variant=variant, format=SidecarFormat.MESSAGEPACK, data=data)


def _wrong_head(document: Any, kind: str, variant: str, dimensions: int) -> str | None:
    if not isinstance(document, dict):
        return "type"
    fixed = {"schema_version": 1, "kind": kind, "model": variant, "dim": dimensions, "dtype": "float32-le"}
    return next((key for key, value in fixed.items() if document.get(key) != value), None)
