"""Results as JSON: deterministic, with sorted keys, rounded numbers and one newline at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pillion.errors import ErrorClass, ItemError
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
