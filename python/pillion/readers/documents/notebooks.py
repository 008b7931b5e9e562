"""Notebooks (ipynb): their text, code and the text of their results; no pictures (nbformat 3 and 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pillion.readers.documents import plain
from pillion.readers.documents.base import Notes, collected, read_bytes
from pillion.readers.documents.binary import NOTE as BINARY
from pillion.readers.documents.binary import without_binary
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "notebook"
PACKAGE = None
NOTE = "notebooks"
MIMES = frozenset({"application/x-ipynb+json"})

_MAX_BYTES = 64 << 20
"""Most of it is pictures."""
_MAX_OUTPUT = 20_000
"""Characters of one result: a table of data says no more in more."""


def missing() -> str | None:
    """None: it needs no library."""
    return None


def read(path: Path, mime: str) -> DocumentText:
    """The cells in their order, each followed by its results. Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    notes = Notes()
    try:
        book = json.loads(data)
        pieces = list(_pieces(book, notes))
    except (ValueError, TypeError, AttributeError, RecursionError):
        # Damaged, or no notebook: as any text.
        notes.add("the notebook is damaged: what is in its file is here as it is")
        return plain.result_of(data[: plain.MAX_BYTES], notes, more=more or len(data) > plain.MAX_BYTES)
    result = collected(NAME, [DocumentPart(text="\n\n".join(pieces))], notes)
    return replace(result, truncated=more or result.truncated)


def _pieces(book: Any, notes: Notes) -> Iterator[str]:
    sheets = book.get("worksheets") or [book]
    for cell in (cell for sheet in sheets for cell in sheet.get("cells", ())):
        yield from _clean(_joined(cell.get("source", cell.get("input", ""))), notes)
        for output in cell.get("outputs") or ():
            yield from _clean(_output(output, notes)[:_MAX_OUTPUT], notes)


def _output(output: Any, notes: Notes) -> str:
    """The text of a result: what a program printed, an error, or a value in its plainest form."""
    if output.get("output_type") in ("error", "pyerr"):
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    data = output.get("data") or output
    if any(name.startswith(("image/", "application/")) or name in ("png", "jpeg", "svg") for name in data):
        notes.add("pictures among the results were left out")
    for name in ("text/markdown", "text/latex", "text/plain", "text", "latex"):
        if data.get(name):
            return _joined(data[name])
    return ""


def _clean(text: str, notes: Notes) -> Iterator[str]:
    text, has_binary = without_binary(text)
    if has_binary:
        notes.add(BINARY)
    if text.strip():
        yield text.strip("\n")


def _joined(source: Any) -> str:
    """Lines as notebooks hold them: version 3 leaves out the line ends."""
    if isinstance(source, str):
        return source
    lines = [str(line) for line in source]
    return ("" if any(line.endswith("\n") for line in lines) else "\n").join(lines)
