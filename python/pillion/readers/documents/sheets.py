"""Spreadsheets (xlsx, xlsb, xls, ods) through python-calamine. The only importer of it.

Cells are read as they were last computed: formulas are not run.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import (
    MAX_CHARACTERS,
    checked_engine,
    collected,
    damage_is_corrupt,
    read_bytes,
    tidy,
)
from pillion.readers.documents.packages import slim_copy
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

NAME = "python-calamine"
PACKAGE = "python_calamine"
NOTE = "spreadsheets"
_OLD = "application/vnd.ms-excel"
_OOXML = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_ODF = "application/vnd.oasis.opendocument.spreadsheet"
MIMES = frozenset({f"{_OOXML}sheet", f"{_OOXML}template", _OLD, _ODF, f"{_ODF}-template"})

_MAX_OLD_BYTES = 64 << 20
_MAX_XML_BYTES = 192 << 20
"""More than for other documents, since calamine reads it without a tree."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """A part for each sheet: rows as lines, cells separated by tabs. Raises ItemError."""
    checked_engine(missing())
    import python_calamine

    data = _old_file(path) if mime == _OLD else slim_copy(path, _MAX_XML_BYTES)
    with damage_is_corrupt("spreadsheet"):
        try:
            book = python_calamine.CalamineWorkbook.from_filelike(data)
        except python_calamine.PasswordError as error:
            raise ItemError(ErrorClass.UNSUPPORTED, "the document is protected with a password") from error
        return collected(NAME, _sheets(book))


def _old_file(path: Path) -> io.BytesIO:
    data, more = read_bytes(path, _MAX_OLD_BYTES)
    if more:
        message = f"the spreadsheet has more than {_MAX_OLD_BYTES >> 20} MiB, the limit for its format"
        raise ItemError(ErrorClass.TOO_LARGE, message)
    return io.BytesIO(data)


def _sheets(book: Any) -> Iterator[DocumentPart]:
    for number, name in enumerate(book.sheet_names, start=1):
        rows = book.get_sheet_by_index(number - 1).iter_rows()
        yield DocumentPart(text=_rows(rows), kind=PartKind.SHEET, number=number, name=name)


def _rows(rows: Iterator[Sequence[Any]]) -> str:
    lines: list[str] = []
    left = MAX_CHARACTERS + 1
    for row in rows:
        line = "\t".join(map(_shown, row)).strip()
        lines.append(line)
        left -= len(line) + 1
        if left <= 0:
            break
    return tidy("\n".join(lines))


def _shown(value: Any) -> str:
    """A cell as it is usually written."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return " ".join(str(value).split())
