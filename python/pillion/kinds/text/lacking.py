"""What of the tools for the text of documents is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.lacking import Lacking, sentences
from pillion.readers.documents import charset, table


def lacking(mime: str, _settings: Mapping[str, Any]) -> Lacking:
    """For files of a type."""
    engine = table.engine_of(mime)
    return Lacking(any_file=() if engine is None else sentences(engine.missing, charset.missing))
