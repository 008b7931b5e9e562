"""Workbooks of Excel since 2007 (xlsx, xlsm, xlsb and their templates): ISO/IEC 29500-1, 18. Read with lxml.

Cells are read as they were last computed: formulas are not run.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import binarysheets, cellformats, embedded, ooxml
from pillion.readers.documents.base import MAX_CHARACTERS, checked_engine, collected, damage_is_corrupt, tidy
from pillion.readers.documents.ooxml import short
from pillion.readers.documents.packages import SAFE, Package, opened_package
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind
from pillion.readers.documents.workbook import Cell, Places, Styles, header_text, joined, lines

if TYPE_CHECKING:
    from lxml import etree

NAME = "workbook"
PACKAGE = "lxml"
NOTE = "Excel workbooks"
_OOXML = "application/vnd.openxmlformats-officedocument.spreadsheetml."
MIMES = frozenset({f"{_OOXML}sheet", f"{_OOXML}template"})

_MAX_XML_BYTES = 192 << 20
"""More than for other documents, since sheets are read without a tree."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Za-z]{1,3})(\d{1,7})")
_ROOTS = ("worksheet", "chartsheet", "dialogsheet", "macrosheet", "sst")
_PRINTED = ("odd", "even", "first")
_CELLS_OF = ("{*}row", *(f"{{*}}{pages}{place}" for pages in _PRINTED for place in ("Header", "Footer")))


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """A part for each sheet: its cells, comments, what is drawn on it, header and footer. Raises ItemError."""
    checked_engine(missing())
    with damage_is_corrupt("workbook"), opened_package(path, _MAX_XML_BYTES) as package:
        main = ooxml.main_part(package, "xl/workbook.xml")
        binary = main.endswith(".bin")
        book: _Book = _BinaryBook(package, main) if binary else _Book(package, main)
        objects = embedded.parts(package, (part for _, part, _ in book.sheets))
        result = collected(NAME, itertools.chain(book.parts(), objects), package.notes)
        if book.sheets and book.failed == len(book.sheets):
            raise ItemError(ErrorClass.CORRUPT, "the workbook is damaged: none of its sheets can be read")
        return result


class _Book:
    """A workbook whose parts are XML."""

    def __init__(self, package: Package, main: str) -> None:
        self.package = package
        self.main = main
        self.failed = 0
        self.sheets: list[tuple[str, str, bool]] = []
        """Name, part, whether it is hidden."""
        self.styles = Styles()
        self.strings: list[str] = []
        self._open()
        for kind, how in (("styles", self._read_styles), ("sharedStrings", self._read_strings)):
            for part in ooxml.linked(package, main, kind):
                if part in package:
                    with package.part(part):
                        how(part)
                else:
                    package.notes.add(f"the part {part[:80]} is missing")

    def parts(self) -> Iterator[DocumentPart]:
        """A part for each sheet."""
        for number, (name, part, hidden) in enumerate(self.sheets, start=1):
            texts: list[str] = []
            places = Places()
            if part not in self.package:
                self.package.notes.add(f"the sheet {name} is missing")
                self.failed += 1
                continue
            self.failed += 1
            with self.package.part(part):
                texts += self._cells_of(part, places)
                self.failed -= 1
            texts += self._beside(part)
            yield DocumentPart(
                text=joined(*texts),
                kind=PartKind.SHEET,
                number=number,
                name=name,
                hidden=hidden,
                cells=tuple(places.runs),
            )

    def _open(self) -> None:
        root = self.package.xml(self.main)
        if short(root) != "x:workbook":
            raise ItemError(ErrorClass.CORRUPT, "the workbook is damaged: its main part is something else")
        known = ooxml.links(self.package, self.main)
        for element in root.iter():
            name = short(element)
            if name == "x:workbookPr":
                self.styles.since_1904 = element.get("date1904") in ("1", "true")
            elif name == "x:sheet":
                link = known.get(ooxml.relation(element) or "")
                hidden = element.get("state") in ("hidden", "veryHidden")
                self.sheets.append((element.get("name") or "", link.target if link else "", hidden))

    def _read_styles(self, part: str) -> None:
        for element in self.package.xml(part):
            name = short(element)
            if name == "x:numFmts":
                for form in element:
                    self.styles.formats[_whole(form.get("numFmtId"))] = form.get("formatCode") or cellformats.GENERAL
            elif name == "x:cellXfs":
                self.styles.of_cells = [_whole(style.get("numFmtId")) for style in element]

    def _read_strings(self, part: str) -> None:
        for element in _stream(self.package, part, ("{*}si",)):
            self.strings.append(_rich(element))

    # one sheet --------------------------------------------------------------------------------------------------------

    def _cells_of(self, part: str, places: Places) -> Iterator[str]:
        printed: list[str] = []
        yield lines(self._cells(part, printed), places)
        yield from dict.fromkeys(printed)

    def _cells(self, part: str, printed: list[str]) -> Iterator[Cell]:
        row = -1
        for element in _stream(self.package, part, _CELLS_OF):
            if short(element) != "x:row":
                printed.append(header_text(element.text or ""))
                continue
            row = _whole(element.get("r"), row + 2) - 1
            column = -1
            for cell in element:
                column = _column(cell.get("r"), column + 1)
                yield row, column, self._cell(cell)

    def _cell(self, cell: etree._Element) -> str:
        kind, style = cell.get("t") or "n", _whole(cell.get("s"))
        value = inline = None
        for below in cell:
            name = short(below)
            if name == "x:v":
                value = below.text or ""
            elif name == "x:is":
                inline = _rich(below)
        if inline is not None:
            return self.styles.text(inline, style)
        if not value:
            return ""
        match kind:
            case "s":
                at = _whole(value, -1)
                return self.styles.text(self.strings[at], style) if 0 <= at < len(self.strings) else ""
            case "str" | "inlineStr":
                return self.styles.text(_unescaped(value), style)
            case "b":
                return "TRUE" if value.strip() in ("1", "true") else "FALSE"
            case "n":
                try:
                    return self.styles.number(float(value), style)
                except ValueError:
                    return value
        return value

    def _beside(self, part: str) -> Iterator[str]:
        """Comments, shapes, charts and diagrams of a sheet."""
        comments = ooxml.linked(self.package, part, "threadedComment") or ooxml.linked(self.package, part, "comments")
        for name in comments:
            yield from self._try(name, self._comments)
        for name in ooxml.linked(self.package, part, "drawing"):
            yield from self._try(name, self._drawing)
        for name in ooxml.linked(self.package, part, "vmlDrawing"):
            yield from self._try(name, lambda name: "\n".join(map(tidy, ooxml.vml_text(self.package.xml(name)))))

    def _try(self, name: str, how: Any) -> list[str]:
        if name in self.package:
            with self.package.part(name):
                return [str(how(name))]
        return []

    def _comments(self, part: str) -> str:
        texts = []
        for element in self.package.xml(part).iter():
            if short(element) == "x:comment":
                texts += [_rich(below) for below in element if short(below) == "x:text"]
            elif short(element) == "tc:text":
                texts.append(element.text or "")
        return "\n".join(map(tidy, texts))

    def _drawing(self, part: str) -> str:
        root = self.package.xml(part)
        known = ooxml.links(self.package, part)
        return joined("".join(ooxml.drawn(root)), *ooxml.linked_drawings(self.package, root, known))


class _BinaryBook(_Book):
    """A workbook whose sheets are binary records (xlsb); drawings are XML there too."""

    def _open(self) -> None:
        known = ooxml.links(self.package, self.main)
        found, self.styles.since_1904 = binarysheets.sheets(self.package.data(self.main))
        for name, relation, hidden in found:
            link = known.get(relation)
            self.sheets.append((name, link.target if link else "", hidden))

    def _read_styles(self, part: str) -> None:
        binarysheets.read_styles(self.package.data(part), self.styles)

    def _read_strings(self, part: str) -> None:
        self.strings = binarysheets.strings(self.package.data(part))

    def _cells_of(self, part: str, places: Places) -> Iterator[str]:
        data = self.package.data(part)
        yield lines(binarysheets.cells(data, self.strings, self.styles), places)
        yield from dict.fromkeys(map(header_text, binarysheets.printed(data)))

    def _comments(self, part: str) -> str:
        if not part.endswith(".bin"):
            return super()._comments(part)
        return "\n".join(map(tidy, binarysheets.comments(self.package.data(part))))


def _stream(package: Package, part: str, tags: tuple[str, ...]) -> Iterator[etree._Element]:
    """The elements of these names, each dropped when the next one is asked for."""
    from lxml import etree

    read = 0
    data = io.BytesIO(package.data(part))
    events: Any = etree.iterparse(data, tag=tags, remove_comments=True, **SAFE)
    try:
        for _, element in events:
            read += 1
            yield element
            element.clear(keep_tail=False)
            # What is left of the ones before would still fill the memory.
            while element.getprevious() is not None:
                del element.getparent()[0]
        if etree.QName(events.root).localname not in _ROOTS:
            raise ItemError(ErrorClass.CORRUPT, f"the part {part[:80]} is something else than it should be")
    except etree.XMLSyntaxError as error:
        if not read:
            raise ItemError(ErrorClass.CORRUPT, f"the part {part[:80]} is damaged") from error
        package.notes.add(f"the part {part[:80]} is damaged: only what could be read of it is here")


def _rich(element: etree._Element) -> str:
    """The runs of a text; not the readings above it (``x:rPh``)."""
    texts = []
    for below in element:
        name = short(below)
        if name == "x:t":
            texts.append(below.text or "")
        elif name == "x:r":
            texts += [run.text or "" for run in below if short(run) == "x:t"]
    return _unescaped("".join(texts))[:MAX_CHARACTERS]


def _unescaped(text: str) -> str:
    """``_x000D_`` is a character that XML cannot hold (18.4.12, ST_Xstring)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _whole(text: str | None, otherwise: int = 0) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise


def _column(reference: str | None, otherwise: int) -> int:
    found = _REFERENCE.match(reference or "")
    if found is None:
        return otherwise
    number = 0
    for letter in found[1].upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
