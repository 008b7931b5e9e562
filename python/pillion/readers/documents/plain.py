"""Text files, decoded. Needs chardet for those that are not Unicode.

Of a large table, log or other data only samples are read: thousands of passages like each other say no more, and would
hold back everything else for minutes.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import Notes, collected, read_bytes
from pillion.readers.documents.binary import NOTE as BINARY
from pillion.readers.documents.binary import without_binary
from pillion.readers.documents.charset import decoded_text
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "text"
PACKAGE = None
NOTE = "text files, source code and Markdown"
MIMES: frozenset[str] = frozenset()
"""None by name: it reads all types of the class text that no other engine reads."""

MAX_BYTES = 4 << 20
"""Only so much of a longer file is read."""
MAX_DATA_BYTES = 256 << 10
"""A larger file of data is read in samples."""
_BEGINNING = 32 << 10
_SAMPLES = 24
_SAMPLE_BYTES = 4 << 10
_DATA = frozenset(
    (
        *("text/csv", "text/tab-separated-values", "text/xml", "application/json", "application/x-ndjson"),
        *("application/geo+json", "application/ld+json", "application/xml", "application/sql", "application/yaml"),
    )
)
_LOG_LINE = re.compile(
    rb"[^\w\n]{0,3}(?:\d{4}[-/.]?\d\d[-/.]?\d\d|\d\d?[:/.-]\d\d|\d{9,}|[A-Z][a-z]{2} +\d+ \d\d:"
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} +\d|(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|NOTICE)\b|\S+ \S+ \S+ \[)"
)
_LOG_SHARE = 0.6
_LOG_LINES = 50


def missing() -> str | None:
    """None: it needs no library."""
    return None


def accepts(mime: str) -> bool:
    """Whether files of this type are text."""
    return _core.media_class(mime) == "text"


def read(path: Path, mime: str) -> DocumentText:
    """The text of a file, up to MAX_BYTES, or samples of it. Raises ItemError: missing_source, io_transient,
    missing_tool.
    """
    data, more = read_bytes(path, MAX_BYTES)
    if mime == "text/plain":
        from pillion.readers.documents import mail

        # Web archives, and messages that were saved as text.
        if mail.is_message(data[: 64 << 10]):
            return mail.read(path, "message/rfc822")
    notes = Notes()
    if len(data) > MAX_DATA_BYTES and _is_data(path, mime, data):
        data, size = _sampled(path)
        notes.add(f"of {size / (1 << 20):.1f} MiB of data the beginning and {_SAMPLES} samples are here")
        more = True
    return result_of(data, notes, more=more)


def result_of(data: bytes, notes: Notes, *, more: bool) -> DocumentText:
    """The text of a file's bytes. ``more``: whether the file has more of them."""
    # A crash leaves zeros in a log; DOS ends a text with a mark, and fills up the block.
    written = decoded_text(data).rstrip("\0\x1a").replace("\0", "")
    text, has_binary = without_binary(written.replace("\r\n", "\n"))
    if has_binary:
        notes.add(BINARY)
    result = collected(NAME, [DocumentPart(text=text)], notes)
    return replace(result, truncated=more or result.truncated)


def _is_data(path: Path, mime: str, data: bytes) -> bool:
    if mime in _DATA:
        return True
    if mime != "text/plain":
        return False
    if path.suffix.lower() in (".log", ".csv", ".tsv"):
        return True
    lines = data[: 64 << 10].splitlines()[:_LOG_LINES]
    return sum(bool(_LOG_LINE.match(line)) for line in lines) >= _LOG_SHARE * _LOG_LINES


def _sampled(path: Path) -> tuple[bytes, int]:
    """Whole lines, the beginning and samples at even distances to the end; and the size of the file."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            step = (size - _BEGINNING - _SAMPLE_BYTES) / (_SAMPLES - 1)
            stream.seek(0)
            pieces = [stream.read(_BEGINNING)]
            for index in range(_SAMPLES):
                stream.seek((_BEGINNING + int(index * step)) // 4 * 4)
                pieces.append(stream.read(_SAMPLE_BYTES))
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error
    if b"\0" not in pieces[0]:
        # Line ends of UTF-16 and UTF-32 are more than a byte: samples begin amid lines there, but not amid characters.
        pieces = [_whole_lines(piece, at_start=index == 0) for index, piece in enumerate(pieces)]
    return b"".join(pieces), size


def _whole_lines(data: bytes, *, at_start: bool) -> bytes:
    """Without the pieces of lines at both ends, unless there is no whole line."""
    first = 0 if at_start else data.find(b"\n") + 1
    last = data.rfind(b"\n") + 1
    return data[first:last] if last > first else data + b"\n"
