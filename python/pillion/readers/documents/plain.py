"""Text files, decoded. Needs chardet for those that are not Unicode."""

from __future__ import annotations

from pathlib import Path

from pillion import _core
from pillion.readers.documents.base import collected, read_bytes
from pillion.readers.documents.charset import decoded
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "text"
PACKAGE = None
NOTE = "text files, source code and Markdown"
MIMES: frozenset[str] = frozenset()
"""None by name: every type of the class text that no other engine claims."""

MAX_BYTES = 4 << 20
"""A longer file is read this far."""


def missing() -> str | None:
    """Nothing can lack."""
    return None


def accepts(mime: str) -> bool:
    """Whether files of this type are text."""
    return _core.media_class(mime) == "text"


def read(path: Path, mime: str) -> DocumentText:
    """The text of a file, as far as MAX_BYTES. Raises ItemError: missing_source, io_transient, missing_tool."""
    data, more = read_bytes(path, MAX_BYTES)
    result = collected(NAME, [DocumentPart(text=decoded(data).replace("\r\n", "\n"))])
    return DocumentText(engine=NAME, parts=result.parts, truncated=more or result.truncated)
