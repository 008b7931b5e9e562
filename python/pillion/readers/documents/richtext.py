"""Rich Text Format (rtf) by striprtf, which only this module imports."""

from __future__ import annotations

from pathlib import Path

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import (
    checked_engine,
    collected,
    damage_is_corrupt,
    read_bytes,
    tidy,
)
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "striprtf"
PACKAGE = "striprtf"
NOTE = "rich text files"
MIMES = frozenset({"application/rtf"})

_MAX_BYTES = 16 << 20
"""Only so much of a longer file is read: most of it is pictures, written as text."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """Raises ItemError."""
    checked_engine(missing())
    from striprtf.striprtf import rtf_to_text

    data, more = read_bytes(path, _MAX_BYTES)
    if not more and not data.rstrip(b"\0 \r\n\t").endswith(b"}"):
        raise ItemError(ErrorClass.CORRUPT, "the rich text ends early")
    with damage_is_corrupt("rich text"):
        text = rtf_to_text(data.decode("latin-1"), errors="ignore")  # type: ignore[no-untyped-call]
    return collected(NAME, [DocumentPart(text=tidy(text))])
