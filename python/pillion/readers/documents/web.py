"""Web pages (HTML, XHTML): their visible text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pillion.readers.documents import markup
from pillion.readers.documents.base import collected, read_bytes
from pillion.readers.documents.charset import decoded_markup
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "html"
PACKAGE = markup.PACKAGE
NOTE = "web pages"
MIMES = frozenset({"text/html", "application/xhtml+xml"})

MAX_BYTES = 4 << 20
"""Only so much of a longer file is read."""

missing = markup.missing


def read(path: Path, mime: str) -> DocumentText:
    """The text of a page, up to MAX_BYTES. Raises ItemError: missing_source, io_transient, missing_tool."""
    data, more = read_bytes(path, MAX_BYTES)
    result = collected(NAME, [DocumentPart(text=markup.without_markup(_html(decoded_markup(data), mime)))])
    return replace(result, truncated=more or result.truncated)


def _html(text: str, mime: str) -> str:
    return markup.as_html(text) if mime == "application/xhtml+xml" or text.lstrip().startswith("<?xml") else text
