"""The binary parts of an Excel workbook of the kind xlsb (MS-XLSB): records of a type, a length and data."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pillion.readers.documents import cellformats
from pillion.readers.documents.workbook import Cell, Styles

# Types of records (MS-XLSB, 2.3.2).
_ROW = 0
_BLANK, _RK, _ERROR, _BOOL, _REAL, _STRING, _SHARED = range(1, 8)
_F_STRING, _F_NUMBER, _F_BOOL, _F_ERROR = range(8, 12)
_ITEM = 19
_FORMAT, _STYLE = 44, 47
_RICH_CELL = 62
_BOOK_PROPERTIES, _SHEET = 153, 156
_STYLES_BEGIN, _STYLES_END = 617, 618
_HEADER_FOOTER = 479
_COMMENT_TEXT = 637
_MAX_RECORD = 16 << 20


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and data of each record; ends where the data end or make no sense."""
    at = 0
    end = len(data)
    while at < end:
        kind, at = _number(data, at, 2)
        size, at = _number(data, at, 4)
        if size > _MAX_RECORD or at + size > end:
            return
        yield kind, data[at : at + size]
        at += size


def _number(data: bytes, at: int, most: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first; the eighth says that another follows."""
    number = 0
    for place in range(most):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            break
    return number, at


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A text with its length before it, and where it ends. Raises struct.error."""
    (length,) = struct.unpack_from("<I", data, at)
    if length == 0xFFFFFFFF:
        return "", at + 4
    end = at + 4 + 2 * length
    if end > len(data):
        raise struct.error("a text ends early")
    return data[at + 4 : end].decode("utf-16-le", "replace"), end


def sheets(data: bytes) -> tuple[list[tuple[str, str, bool]], bool]:
    """Name, relationship and whether it is hidden of each sheet; whether days are counted from 1904."""
    found = []
    since_1904 = False
    for kind, record in records(data):
        if kind == _BOOK_PROPERTIES and record:
            since_1904 = bool(record[0] & 1)
        elif kind == _SHEET:
            found.append(_sheet(record))
    return found, since_1904


def _sheet(record: bytes) -> tuple[str, str, bool]:
    (state,) = struct.unpack_from("<I", record)
    # The first programs that wrote this format put one more number before the texts.
    for start in (8, 12):
        try:
            relation, at = _text(record, start)
            name, end = _text(record, at)
        except struct.error:
            continue
        if end == len(record):
            return name, relation, state != 0
    raise struct.error("a sheet without a name")


def read_styles(data: bytes, styles: Styles) -> None:
    """The number formats of the styles of cells."""
    inside = False
    for kind, record in records(data):
        if kind == _FORMAT:
            (number,) = struct.unpack_from("<H", record)
            styles.formats[number] = _text(record, 2)[0]
        elif kind in (_STYLES_BEGIN, _STYLES_END):
            inside = kind == _STYLES_BEGIN
        elif kind == _STYLE and inside:
            styles.of_cells.append(struct.unpack_from("<H", record, 2)[0])


def strings(data: bytes) -> list[str]:
    """The texts that cells share."""
    return [_text(record, 1)[0] for kind, record in records(data) if kind == _ITEM]


def comments(data: bytes) -> list[str]:
    """The texts of comments."""
    return [_text(record, 1)[0] for kind, record in records(data) if kind == _COMMENT_TEXT]


def printed(data: bytes) -> Iterator[str]:
    """Headers and footers, with their codes."""
    for kind, record in records(data):
        at = 2
        while kind == _HEADER_FOOTER and at + 4 <= len(record):
            text, at = _text(record, at)
            if text:
                yield text


def cells(data: bytes, shared: list[str], styles: Styles) -> Iterator[Cell]:
    """The cells of a sheet as they are shown, in the order of the rows."""
    row = -1
    for kind, record in records(data):
        if kind == _ROW and len(record) >= 4:
            (row,) = struct.unpack_from("<I", record)
        elif (_BLANK < kind <= _F_ERROR or kind == _RICH_CELL) and len(record) >= 8:
            column, style = struct.unpack_from("<II", record)
            yield row, column, _shown(kind, record, style & 0xFFFFFF, shared, styles)


def _shown(kind: int, record: bytes, style: int, shared: list[str], styles: Styles) -> str:
    if kind == _RK:
        return styles.number(rk(struct.unpack_from("<I", record, 8)[0]), style)
    if kind in (_REAL, _F_NUMBER):
        return styles.number(struct.unpack_from("<d", record, 8)[0], style)
    if kind in (_STRING, _F_STRING):
        return styles.text(_text(record, 8)[0], style)
    if kind == _RICH_CELL:
        return styles.text(_text(record, 9)[0], style)
    if kind in (_BOOL, _F_BOOL):
        return "TRUE" if record[8] else "FALSE"
    if kind in (_ERROR, _F_ERROR):
        return cellformats.ERRORS.get(record[8], "")
    at = struct.unpack_from("<I", record, 8)[0]
    return styles.text(shared[at], style) if at < len(shared) else ""


def rk(number: int) -> float:
    """A number in 30 bits and two that say how to read it (MS-XLS, 2.5.122)."""
    if number & 2:
        value = float((number >> 2) - (1 << 30 if number & 0x80000000 else 0))
    else:
        value = struct.unpack("<d", struct.pack("<Q", (number & 0xFFFFFFFC) << 32))[0]
    return value / 100 if number & 1 else value
