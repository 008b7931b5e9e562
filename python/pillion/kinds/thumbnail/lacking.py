"""What of the tools for thumbnails is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import _core, extras
from pillion.kinds.lacking import Lacking, importable, is_quick, sentences
from pillion.readers import media
from pillion.readers.images import decode, encode
from pillion.readers.pdf import document


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For files of a type, and what the user's own variants are written with."""
    own = settings.get("defined", {}).values()
    written = tuple(filter(None, {encode.missing(table["format"]) for table in own if "format" in table}))
    if mime == "application/pdf":
        return Lacking(any_file=(*sentences(document.missing, importable("pypdfium2")), *written))
    if _core.media_class(mime) == "video":
        needed = sentences(lambda: extras.missing("video", "thumbnails of videos"), importable("av", "numpy"))
        return Lacking(any_file=(*needed, *written), some=() if needed or is_quick() else media.missing_decoders())
    return Lacking(any_file=(*decode.lacking(mime), *written))
