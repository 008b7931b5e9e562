"""What of the tools for thumbnails is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import _core
from pillion.kinds import films
from pillion.kinds.lacking import Lacking, importable, sentences
from pillion.readers.images import decode, encode
from pillion.readers.pdf import document


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For files of a type, and what the user's own variants are written with."""
    own = settings.get("defined", {}).values()
    written = tuple(filter(None, {encode.missing(table["format"]) for table in own if "format" in table}))
    if mime == "application/pdf":
        return Lacking(any_file=(*sentences(document.missing, importable("pypdfium2")), *written))
    if _core.media_class(mime) == "video":
        found = films.lacking("thumbnails of videos")
        return Lacking(any_file=(*found.any_file, *written), some=found.some)
    return Lacking(any_file=(*decode.lacking(mime), *written))
