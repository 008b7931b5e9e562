"""Workbooks of Excel before 2007 (xls): the records of BIFF versions 2 to 8 (MS-XLS).

Cells are read as they were last computed: formulas are not run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import cellformats
from pillion.readers.documents.base import MAX_CHARACTERS, Notes, tidy
from pillion.readers.documents.binarysheets import rk
from pillion.readers.documents.result import DocumentPart, PartKind
from pillion.readers.documents.workbook import Cell, Places, Styles, header_text, joined, lines

_BOFS = {0x009: 2, 0x209: 3, 0x409: 4, 0x809: 5}
_EOF, _CONTINUE = 0x0A, 0x3C
_FILE_PASSWORD, _CODE_PAGE, _DATE_MODE, _SHEET, _SHARED = 0x2F, 0x42, 0x22, 0x85, 0xFC
_FORMATS = (0x1E, 0x41E)
_XFS = {0xE0: (2, 0xFFFF), 0x443: (1, 0xFF), 0x243: (1, 0xFF), 0x43: (2, 0x3F)}
"""Record -> where it states the number of the format, and its bits."""
_HEADER, _FOOTER, _NOTE, _TEXT_OBJECT, _SERIES_TEXT = 0x14, 0x15, 0x1C, 0x1B6, 0x100D
_LABEL_SHARED, _MANY_RK, _RK, _RICH = 0xFD, 0xBD, 0x27E, 0xD6
_LABELS, _NUMBERS, _BOOLS = (0x04, 0x204), (0x03, 0x203), (0x05, 0x205)
_FORMULAS, _STRINGS = (0x06, 0x206, 0x406), (0x07, 0x207)
_INTEGER = 0x02
_CHART = 0x20
_CODE_PAGES = {1200: "utf-16-le", 10000: "mac_roman", 32768: "mac_roman", 32769: "cp1252", 367: "ascii"}
_MAX_RECORDS = 20_000_000


@dataclass(slots=True)
class _Record:
    kind: int
    data: bytes
    at: int


@dataclass(slots=True)
class _Sheet:
    name: str = ""
    at: int = 0
    hidden: bool = False


@dataclass(slots=True)
class _Book:
    data: bytes
    version: int = 8
    encoding: str = "cp1252"
    styles: Styles = field(default_factory=Styles)
    sheets: list[_Sheet] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)


def parts(data: bytes, notes: Notes) -> Iterator[DocumentPart]:
    """A part for each sheet of the stream ``Workbook`` or ``Book``, or of a file that is only this stream.

    Raises ItemError: corrupt, unsupported for one with a password.
    """
    book = _Book(data)
    _read_globals(book, notes)
    if not book.sheets:
        # Before version 5 a file is one sheet.
        book.sheets.append(_Sheet())
    failed = 0
    for number, sheet in enumerate(book.sheets, start=1):
        text = ""
        places = Places()
        try:
            text = _text_of(book, sheet.at, notes, places)
        except (struct.error, IndexError, ValueError, OverflowError):
            failed += 1
            notes.add(f"the sheet {sheet.name} could not be read")
        yield DocumentPart(
            text=text,
            kind=PartKind.SHEET,
            number=number,
            name=sheet.name,
            hidden=sheet.hidden,
            cells=tuple(places.runs),
        )
    if failed == len(book.sheets):
        raise ItemError(ErrorClass.CORRUPT, "the workbook is damaged: none of its sheets can be read")


def _records(data: bytes, at: int) -> Iterator[_Record]:
    for _ in range(_MAX_RECORDS):
        if at + 4 > len(data):
            return
        kind, size = struct.unpack_from("<HH", data, at)
        yield _Record(kind, data[at + 4 : at + 4 + size], at)
        at += 4 + size


def _version(record: _Record) -> int:
    version = _BOFS[record.kind]
    if version == 5 and record.data[:2] == b"\0\x06":
        return 8
    return version


# the workbook ---------------------------------------------------------------------------------------------------------


def _read_globals(book: _Book, notes: Notes) -> None:
    first = next(_records(book.data, 0), None)
    if first is None or first.kind not in _BOFS:
        raise ItemError(ErrorClass.CORRUPT, "the workbook is damaged: it does not begin as one")
    book.version = _version(first)
    shared: list[bytes] = []
    own_formats = 0
    last = 0
    for record in _records(book.data, 0):
        kind, data = record.kind, record.data
        if kind == _EOF:
            break
        if kind == _FILE_PASSWORD:
            raise ItemError(ErrorClass.UNSUPPORTED, "the document is protected with a password")
        if kind == _SHARED or (kind == _CONTINUE and last == _SHARED):
            shared.append(data)
        try:
            if kind in _FORMATS:
                own_formats += _read_format(book, record, own_formats)
            elif kind == _SHEET:
                book.sheets.append(_sheet(book, data))
            else:
                _read_setting(book, record)
        except (struct.error, IndexError):
            notes.add("a record of the workbook is damaged")
        if kind != _CONTINUE:
            last = kind
    if shared:
        book.strings = _shared_strings(shared, notes)


def _read_setting(book: _Book, record: _Record) -> None:
    kind, data = record.kind, record.data
    if kind == _CODE_PAGE:
        (page,) = struct.unpack_from("<H", data)
        book.encoding = _known(_CODE_PAGES.get(page, f"cp{page}"))
    elif kind == _DATE_MODE:
        book.styles.since_1904 = data[:1] == b"\1"
    elif kind in _XFS:
        at, bits = _XFS[kind]
        number = struct.unpack_from("<H", data, at)[0] if bits == 0xFFFF else data[at]
        book.styles.of_cells.append(number & bits)


def _known(encoding: str) -> str:
    try:
        return "cp1252" if b"".decode(encoding) else encoding
    except LookupError:
        return "cp1252"


def _read_format(book: _Book, record: _Record, count: int) -> int:
    """Formats of old versions have no number but their place."""
    if book.version >= 5:
        (number,) = struct.unpack_from("<H", record.data)
        text = _unicode(record.data, 2) if book.version == 8 else _bytes(book, record.data, 2, 1)
    else:
        number = count
        text = _bytes(book, record.data, 2 if record.kind == 0x41E else 0, 1)
    book.styles.formats[number] = text
    return 1


def _sheet(book: _Book, data: bytes) -> _Sheet:
    at, state = struct.unpack_from("<IB", data)
    if book.version == 8:
        length, wide = data[6], data[7] & 1
        raw = data[8 : 8 + length * (1 + wide)]
        name = raw.decode("utf-16-le" if wide else "latin-1", "replace")
    else:
        name = _bytes(book, data, 6, 1)
    return _Sheet(name, at, bool(state & 3))


def _bytes(book: _Book, data: bytes, at: int, size: int) -> str:
    """A text in the code page of the workbook, with its length before it in ``size`` bytes."""
    length = int.from_bytes(data[at : at + size], "little")
    return data[at + size : at + size + length].decode(book.encoding, "replace")


def _unicode(data: bytes, at: int, size: int = 2) -> str:
    """A text of version 8 in one record (2.5.294), with its length before it in ``size`` bytes."""
    length = int.from_bytes(data[at : at + size], "little")
    flags = data[at + size] if at + size < len(data) else 0
    start = at + size + 1 + (2 if flags & 8 else 0) + (4 if flags & 4 else 0)
    raw = data[start : start + length * (1 + (flags & 1))]
    return raw.decode("utf-16-le" if flags & 1 else "latin-1", "replace")


# texts that go on in the next record ----------------------------------------------------------------------------------


class _Chain:
    """Bytes of a record and of those that continue it."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._piece = 0
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes. Raises struct.error where there are too few."""
        taken = b""
        while len(taken) < count:
            self._settle()
            piece = self._pieces[self._piece]
            more = piece[self._at : self._at + count - len(taken)]
            self._at += len(more)
            taken += more
        return taken

    def skip(self, count: int) -> None:
        while count > 0:
            self._settle()
            step = min(count, len(self._pieces[self._piece]) - self._at)
            self._at += step
            count -= step

    def letters(self, count: int, wide: int) -> str:
        """Letters of one or two bytes; each further record says again which (2.4.293)."""
        text: list[str] = []
        while count > 0:
            if self._at >= len(self._pieces[self._piece]):
                self._settle()
                wide = self.take(1)[0] & 1
            piece = self._pieces[self._piece]
            fit = min(count, (len(piece) - self._at) // (1 + wide))
            if not fit:
                # Half a letter at the end of a record: damaged.
                self._at = len(piece)
                continue
            raw = piece[self._at : self._at + fit * (1 + wide)]
            text.append(raw.decode("utf-16-le" if wide else "latin-1", "replace"))
            self._at += len(raw)
            count -= fit
        return "".join(text)

    def _settle(self) -> None:
        while self._at >= len(self._pieces[self._piece]):
            self._piece += 1
            self._at = 0
            if self._piece >= len(self._pieces):
                self._piece -= 1
                self._at = len(self._pieces[self._piece])
                raise struct.error("a text ends early")


def _shared_strings(pieces: list[bytes], notes: Notes) -> list[str]:
    chain = _Chain(pieces)
    found: list[str] = []
    try:
        _, count = struct.unpack("<II", chain.take(8))
        for _ in range(count):
            length, flags = struct.unpack("<HB", chain.take(3))
            runs = struct.unpack("<H", chain.take(2))[0] if flags & 8 else 0
            extra = struct.unpack("<I", chain.take(4))[0] if flags & 4 else 0
            found.append(chain.letters(length, flags & 1))
            chain.skip(4 * runs + extra)
    except struct.error:
        if not found or len(found) < count:
            notes.add("the table of texts is damaged: some cells may be empty")
    return found


# one sheet ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    cells: list[Cell] = field(default_factory=list)
    asides: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    left: int = MAX_CHARACTERS * 2


def _text_of(book: _Book, at: int, notes: Notes, places: Places) -> str:
    found = _Found()
    depth = 0
    chart = False
    formula: tuple[int, int, int] | None = None
    records = _records(book.data, at)
    for record in records:
        kind, data = record.kind, record.data
        if kind in _BOFS:
            depth += 1
            chart = len(data) >= 4 and struct.unpack_from("<H", data, 2)[0] == _CHART
        elif kind == _EOF:
            depth -= 1
            chart = False
            if depth <= 0:
                break
        elif not depth:
            raise ValueError("no sheet is there")
        elif kind == _TEXT_OBJECT:
            found.asides.append(_text_object(data, records))
        elif kind == _SERIES_TEXT and len(data) > 3:
            text = _unicode(data, 2, 1) if book.version == 8 else _bytes(book, data, 2, 1)
            found.asides.append(text if text not in found.asides[-50:] else "")
        elif not chart:
            formula = _read_cell(book, record, found, formula)
        if found.left <= 0:
            break
    found.cells.sort(key=lambda cell: cell[:2])
    printed = (header_text(code) for code in dict.fromkeys(found.printed))
    return joined(lines(found.cells, places), *printed, "\n".join(map(tidy, filter(None, found.asides))))


def _text_object(data: bytes, records: Iterator[_Record]) -> str:
    """The text of a box or a comment, in the records that follow."""
    (length,) = struct.unpack_from("<H", data, 10) if len(data) >= 12 else (0,)
    text = ""
    while len(text) < length:
        record = next(records, None)
        if record is None or record.kind != _CONTINUE or not record.data:
            break
        text += record.data[1:].decode("utf-16-le" if record.data[0] & 1 else "latin-1", "replace")
    return text[:length]


def _read_cell(
    book: _Book, record: _Record, found: _Found, formula: tuple[int, int, int] | None
) -> tuple[int, int, int] | None:
    """Add what a record holds; returns the cell whose text the next record holds, if so."""
    kind, data = record.kind, record.data
    if kind in _STRINGS and formula is not None:
        row, column, style = formula
        text = _unicode(data, 0) if book.version == 8 else _bytes(book, data, 0, 1 if kind == 7 else 2)
        _add(found, row, column, book.styles.text(text, style))
        return None
    if kind in (_HEADER, _FOOTER) and data:
        found.printed.append(_unicode(data, 0) if book.version == 8 else _bytes(book, data, 0, 1))
    elif kind == _NOTE and book.version < 8 and len(data) > 6:
        found.asides.append(data[6:].decode(book.encoding, "replace"))
    elif kind == _MANY_RK:
        row, column = struct.unpack_from("<HH", data)
        for at in range(4, len(data) - 7, 6):
            style, number = struct.unpack_from("<HI", data, at)
            _add(found, row, column, book.styles.number(rk(number), style))
            column += 1
    elif kind in _CELLS and len(data) >= 7:
        return _cell(book, record, found)
    else:
        return formula
    return None


def _cell(book: _Book, record: _Record, found: _Found) -> tuple[int, int, int] | None:
    kind, data = record.kind, record.data
    row, column, style = struct.unpack_from("<HHH", data)
    body = 6
    if kind in (_INTEGER, 0x03, 0x04, 0x05) or (kind == 0x06 and book.version == 2):
        style, body = data[4] & 0x3F, 7
    text = ""
    if kind == _LABEL_SHARED:
        (at,) = struct.unpack_from("<I", data, body)
        text = book.styles.text(book.strings[at], style) if at < len(book.strings) else ""
    elif kind in _LABELS or kind == _RICH:
        raw = _unicode(data, body) if book.version == 8 else _bytes(book, data, body, 1 if kind == 0x04 else 2)
        text = book.styles.text(raw, style)
    elif kind in _NUMBERS:
        text = book.styles.number(struct.unpack_from("<d", data, body)[0], style)
    elif kind == _INTEGER:
        text = book.styles.number(struct.unpack_from("<H", data, body)[0], style)
    elif kind == _RK:
        text = book.styles.number(rk(struct.unpack_from("<I", data, body)[0]), style)
    elif kind in _BOOLS:
        text = cellformats.ERRORS.get(data[body], "") if data[body + 1] else _truth(data[body])
    elif data[body + 6 : body + 8] != b"\xff\xff":
        text = book.styles.number(struct.unpack_from("<d", data, body)[0], style)
    elif data[body] == 0:
        return row, column, style
    elif data[body] == 1:
        text = _truth(data[body + 2])
    elif data[body] == 2:
        text = cellformats.ERRORS.get(data[body + 2], "")
    _add(found, row, column, text)
    return None


_CELLS = frozenset((_LABEL_SHARED, _RICH, _RK, _INTEGER, *_LABELS, *_NUMBERS, *_BOOLS, *_FORMULAS))


def _truth(value: int) -> str:
    return "TRUE" if value else "FALSE"


def _add(found: _Found, row: int, column: int, text: str) -> None:
    if text:
        found.cells.append((row, column, text))
        found.left -= len(text) + 1
