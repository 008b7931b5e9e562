"""Text files, decoded. Needs chardet for those that are not Unicode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pillion import _core
from pillion.readers.documents.base import collected, read_bytes
from pillion.readers.documents.charset import decoded_text
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "text"
PACKAGE = None
NOTE = "text files, source code and Markdown"
MIMES: frozenset[str] = frozenset()
"""None by name: it reads all types of the class text that no other engine reads."""

MAX_BYTES = 4 << 20
"""Only so much of a longer file is read."""


def missing() -> str | None:
    """None: it needs no library."""
    return None


def accepts(mime: str) -> bool:
    """Whether files of this type are text."""
    return _core.media_class(mime) == "text"


def read(path: Path, mime: str) -> DocumentText:
    """The text of a file, up to MAX_BYTES. Raises ItemError: missing_source, io_transient, missing_tool."""
    data, more = read_bytes(path, MAX_BYTES)
    result = collected(NAME, [DocumentPart(text=decoded_text(data).replace("\r\n", "\n"))])
    return replace(result, truncated=more or result.truncated)
