"""OpenDocument texts, presentations, drawings and spreadsheets (OpenDocument 1.3, part 3). Read with lxml.

White space is written as elements (6.1.3), deleted text stands apart from the rest (5.5), and each cell holds the text
that it shows beside its value (9.1.4).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import (
    MAX_CHARACTERS,
    checked_engine,
    collected,
    damage_is_corrupt,
    of_picture,
    read_bytes,
    tidy,
)
from pillion.readers.documents.packages import Package, opened_package, parsed
from pillion.readers.documents.result import CellRun, DocumentPart, DocumentText, PartKind
from pillion.readers.documents.workbook import Cell, Places, lines

if TYPE_CHECKING:
    from lxml import etree

NAME = "opendocument"
PACKAGE = "lxml"
NOTE = "OpenDocument texts, presentations and spreadsheets"
_ODF = "application/vnd.oasis.opendocument."
_KINDS = ("text", "presentation", "graphics", "spreadsheet")
MIMES = frozenset(
    {
        *(f"{_ODF}{kind}{template}" for kind in _KINDS for template in ("", "-template")),
        *(f"{_ODF}text-master", f"{_ODF}text-web", f"{_ODF}chart", f"{_ODF}formula"),
    }
)
_XML_BYTES = 192 << 20
"""For spreadsheets: more than for others, since repeated cells and rows are written out in full by some programs."""

_NAMES = re.compile(
    r"\{(?:urn:oasis:names:tc:opendocument:xmlns:|http://openoffice\.org/\d+/)([\w-]+)(?::[\d.]+)?\}(.+)"
)
_NOT_TEXT = frozenset(
    (
        "text:tracked-changes",
        "text:sequence-decls",
        "text:variable-decls",
        "text:user-field-decls",
        "office:forms",
        "office:scripts",
        "office:event-listeners",
        "table:content-validations",
        "table:dde-links",
        "text:index-title-template",
    )
)
_FILLED_IN = frozenset(
    f"text:{field}" for field in ("page-number", "page-count", "sheet-name", "date", "time", "title", "file-name")
)
_WORDS_AROUND_FIELDS = 2
"""A line of a header with a field in it and no more words than these ("Page 1 of 3") says nothing."""
_SOURCES = ("-source",)
_MAX_SPACES = 100
_MAX_REPEATED = 64
"""Times that a cell or row is written when it is there more often: more is a filled column, not text."""
_MOST_ROWS = 1 << 24


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """The body, then headers and footers; a part for each slide or sheet. Raises ItemError."""
    checked_engine(missing())
    if read_bytes(path, 5)[0] == b"<?xml":
        return _flat(path)
    with (
        damage_is_corrupt("OpenDocument file"),
        opened_package(path, _XML_BYTES if "spreadsheet" in mime else None) as package,
    ):
        return _of_package(package)


def _of_package(package: Package) -> DocumentText:
    root = package.xml("content.xml")
    styles = None
    if "styles.xml" in package:
        with package.part("styles.xml"):
            styles = package.xml("styles.xml")
    return collected(NAME, _parts(package, root, styles), package.notes)


def _flat(path: Path) -> DocumentText:
    """A document that is one XML file instead of a package (3.1.2)."""
    data, more = read_bytes(path, 96 << 20)
    if more:
        raise ItemError(ErrorClass.TOO_LARGE, "the document has more than 96 MiB of XML, the limit")
    root, _ = parsed(data)
    if root is None:
        raise ItemError(ErrorClass.CORRUPT, "the OpenDocument file is damaged")
    return collected(NAME, _parts(None, root, root))


def _parts(package: Package | None, root: etree._Element, styles: etree._Element | None) -> Iterator[DocumentPart]:
    body = next((below for below in root if short(below) == "office:body"), None)
    if body is None or not short(root).startswith("office:document"):
        raise ItemError(ErrorClass.CORRUPT, "the OpenDocument file is damaged: it has no body")
    reader = _Reader(package)
    content = body[0] if len(body) else body
    beside = "\n\n".join(_beside(styles, reader)) if styles is not None else ""
    match short(content):
        case "office:spreadsheet":
            yield from _sheets(content, root, beside, reader)
        case "office:presentation" | "office:drawing":
            yield from _pages(content, root, beside, reader)
        case _:
            yield DocumentPart(text="\n\n".join(filter(None, (tidy(reader.text(content)), beside))))


def _beside(styles: etree._Element, reader: _Reader) -> Iterator[str]:
    """Headers and footers of pages, and what stands on the master of slides; not the placeholders of masters."""
    found: dict[str, None] = {}
    reader.on_master = True
    for master in styles.iter():
        if short(master) == "style:master-page":
            for below in master:
                name = short(below)
                if name.startswith(("style:header", "style:footer")) or (
                    name.startswith("draw:") and _value(below, "presentation:class") in ("", "header", "footer")
                ):
                    found[tidy(reader.text_of(below))] = None
    reader.on_master = False
    found.pop("", None)
    yield from found


# pages ----------------------------------------------------------------------------------------------------------------


_Text = tuple[str, tuple[CellRun, ...]]
"""The text of a slide or a sheet, and where the lines of a sheet stand in it."""


def _pages(content: etree._Element, root: etree._Element, beside: str, reader: _Reader) -> Iterator[DocumentPart]:
    hidden = _styles_with(root, "drawing-page-properties", "presentation:visibility", "hidden")
    declared = (below for below in content if short(below) in ("presentation:header-decl", "presentation:footer-decl"))
    beside = "\n".join(filter(None, (beside, *(tidy(reader.text(below)) for below in declared))))

    def text(page: etree._Element, number: int) -> _Text:
        own = tidy(reader.text(page))
        return (f"{own}\n\n{beside}" if number == 1 and beside else own), ()

    yield from _numbered(content, "draw:page", PartKind.SLIDE, text, hidden)


def _sheets(content: etree._Element, root: etree._Element, beside: str, reader: _Reader) -> Iterator[DocumentPart]:
    def text(sheet: etree._Element, number: int) -> _Text:
        own, cells = reader.sheet(sheet)
        return (f"{own}\n\n{beside}" if number == 1 and beside and own else own), cells

    hidden = _styles_with(root, "table-properties", "table:display", "false")
    yield from _numbered(content, "table:table", PartKind.SHEET, text, hidden)


def _numbered(
    content: etree._Element, tag: str, kind: PartKind, text_of: Callable[[etree._Element, int], _Text], hidden: set[str]
) -> Iterator[DocumentPart]:
    """A part for each element with this tag. ``hidden``: the names of the styles by which one is not shown."""
    prefix = tag.partition(":")[0]
    for number, each in enumerate((each for each in content if short(each) == tag), start=1):
        text, cells = text_of(each, number)
        yield DocumentPart(
            text=text,
            kind=kind,
            number=number,
            name=_value(each, f"{prefix}:name"),
            hidden=_value(each, f"{prefix}:style-name") in hidden,
            cells=cells,
        )


def _styles_with(root: etree._Element, properties: str, name: str, value: str) -> set[str]:
    found = set()
    for style in root.iter():
        if short(style) == "style:style":
            for below in style:
                if short(below) == f"style:{properties}" and _value(below, name) == value:
                    found.add(_value(style, "style:name"))
    return found


# text -----------------------------------------------------------------------------------------------------------------


class _Reader:
    """Walks the content. What is not in the line of the text, such as a note, is put behind its paragraph."""

    def __init__(self, package: Package | None) -> None:
        self.on_master = False
        """Whether what is read stands on each page, where fields have no value yet."""
        self._package = package
        self._fields = 0
        self._aside: list[str] = []
        self._depth = 0
        self._left = MAX_CHARACTERS * 2

    def text(self, element: etree._Element) -> str:
        """The text below an element: paragraphs and rows end lines, cells are separated by tabs."""
        return "".join(self._below(element))

    def text_of(self, element: etree._Element) -> str:
        """The text of an element that may itself be a frame."""
        return "".join(self._of(element, short(element)))

    def _below(self, element: etree._Element) -> Iterator[str]:
        yield _plain(element.text)
        for below in element:
            yield from self._of(below, short(below))
            yield _plain(below.tail)

    def _of(self, element: etree._Element, name: str) -> Iterator[str]:
        if name == "text:s":
            yield " " * _count(_value(element, "text:c"), _MAX_SPACES)
        elif name == "text:tab":
            yield "\t"
        elif name == "text:line-break":
            yield "\n"
        elif name in ("text:p", "text:h"):
            yield from self._paragraph(element)
        elif name == "table:table-cell":
            yield " ".join(self.text(element).split()) + "\t"
        elif name == "table:table-row":
            yield from self._below(element)
            yield "\n"
        elif name == "text:note-citation":
            return
        elif name in _FILLED_IN and self.on_master:
            self._fields += 1
        elif name in ("text:note", "office:annotation"):
            self._aside.append("".join(self._note(element)))
        elif name in ("draw:frame", "draw:custom-shape", "draw:g") and self._depth:
            # A frame that hangs on a paragraph stands beside it.
            self._aside.append(self._apart(element))
        elif name == "draw:object":
            yield self._object(element)
        elif name in ("svg:title", "svg:desc"):
            yield of_picture(element.text)
        elif name == "text:ruby-text":
            above = self.text(element)
            yield f"({above})" if above.strip() else ""
        elif name == "presentation:notes":
            yield "\n\n"
            yield from (self.text_of(below) for below in element if not _is_page_number(below))
        elif name not in _NOT_TEXT and not name.endswith(_SOURCES):
            yield from self._below(element)
            if name in ("draw:frame", "draw:custom-shape", "chart:title"):
                yield "\n"

    def _paragraph(self, element: etree._Element) -> Iterator[str]:
        outer, self._aside = self._aside, []
        self._depth += 1
        fields, self._fields = self._fields, 0
        text = self.text(element)
        if self._fields and len(re.findall(r"[^\W\d]+", text)) <= _WORDS_AROUND_FIELDS:
            text = ""
        self._fields = fields
        self._depth -= 1
        aside, self._aside = self._aside, outer
        yield text + "\n"
        for one in aside:
            if self._depth:
                self._aside.append(one)
            else:
                yield one.strip("\n") + "\n"

    def _apart(self, element: etree._Element) -> str:
        depth, self._depth = self._depth, 0
        text = "".join(self._below(element))
        self._depth = depth
        return text

    def _note(self, element: etree._Element) -> Iterator[str]:
        for below in element:
            if short(below) not in ("dc:creator", "dc:date", "text:note-citation", ":creator", ":date"):
                depth, self._depth = self._depth, 0
                yield self.text_of(below)
                self._depth = depth

    def _object(self, element: etree._Element) -> str:
        """A chart or formula that is a package of its own within this one."""
        place = (_value(element, "xlink:href") or "").removeprefix("./").strip("/")
        part = f"{place}/content.xml"
        if not place or self._package is None or part not in self._package:
            return ""
        with self._package.part(part):
            return _object_text(self._package.xml(part))
        return ""

    # sheets -----------------------------------------------------------------------------------------------------------

    def sheet(self, sheet: etree._Element) -> _Text:
        """Rows as lines, cells separated by tabs; comments and what is drawn on the sheet below."""
        places = Places()
        outer, self._aside = self._aside, []
        table = lines(self._cells(sheet), places)
        aside, self._aside = self._aside, outer
        for below in sheet:
            if short(below) == "table:shapes":
                aside.append(self.text(below))
        return "\n\n".join(filter(None, map(tidy, (table, *aside)))), tuple(places.runs)

    def _cells(self, sheet: etree._Element) -> Iterator[Cell]:
        number = 0
        for row in _rows(sheet):
            cells = list(self._row(row))
            repeated = _count(_value(row, "table:number-rows-repeated"), _MOST_ROWS)
            for time in range(min(repeated, _MAX_REPEATED)):
                yield from ((number + time, column, text) for column, text in cells)
            number += repeated

    def _row(self, row: etree._Element) -> Iterator[tuple[int, str]]:
        """The columns of the cells that show something, and what they show."""
        column = 0
        for cell in row:
            if short(cell) not in ("table:table-cell", "table:covered-table-cell"):
                continue
            text = " ".join(self._cell(cell).split())
            repeated = _count(_value(cell, "table:number-columns-repeated"), _MOST_ROWS)
            if text:
                yield from ((column + time, text) for time in range(min(repeated, _MAX_REPEATED)))
            column += repeated

    def _cell(self, cell: etree._Element) -> str:
        shown = []
        for below in cell:
            name = short(below)
            if name in ("text:p", "text:h"):
                shown.append("".join(self._paragraph(below)))
            else:
                self._aside.append("".join(self._note(below)) if name == "office:annotation" else self.text_of(below))
        if shown:
            return "\n".join(shown)
        # Programs that write no text leave its form to the reader.
        for name in ("string-value", "date-value", "time-value", "boolean-value", "value"):
            value = _value(cell, f"office:{name}")
            if value:
                return value.upper() if name == "boolean-value" else value
        return ""


def _rows(element: etree._Element) -> Iterator[etree._Element]:
    for below in element:
        name = short(below)
        if name == "table:table-row":
            yield below
        elif name in ("table:table-header-rows", "table:table-rows", "table:table-row-group"):
            yield from _rows(below)


def _object_text(root: etree._Element) -> str:
    """Titles, categories and names of a chart, or a formula as it was typed; not the numbers."""
    found: dict[str, None] = {}
    for element in root.iter():
        name = short(element)
        number = any(_value(above, "office:value-type") == "float" for above in element.iterancestors())
        if name == "text:p" and not number:
            found[" ".join("".join(str(text) for text in element.itertext()).split())] = None
        elif str(element.tag).endswith("}annotation") and name != "office:annotation":
            found[" ".join((element.text or "").split())] = None
    found.pop("", None)
    return "\n" + "\n".join(found) + "\n"


def _is_page_number(element: etree._Element) -> bool:
    return _value(element, "presentation:class") in ("page", "page-number", "date-time", "header", "footer")


def short(element: etree._Element) -> str:
    """The name of an element with the usual prefix of its namespace: ``text:p``."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    return _short(tag)


@functools.lru_cache(maxsize=10_000)
def _short(tag: str) -> str:
    matched = _NAMES.match(tag)
    prefix = "" if matched is None else {"drawing": "draw", "svg-compatible": "svg"}.get(matched[1], matched[1])
    return f"{prefix}:{tag.rpartition('}')[2]}"


_PREFIXES = {
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "presentation": "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0",
    "xlink": "http://www.w3.org/1999/xlink",
}


def _value(element: etree._Element, name: str) -> str:
    prefix, _, local = name.partition(":")
    return element.get(f"{{{_PREFIXES[prefix]}}}{local}") or ""


def _count(text: str, most: int) -> int:
    """How often something is repeated: once where it does not say."""
    return min(most, max(1, int(text))) if re.fullmatch(r"\d{1,9}", text) else 1


def _plain(text: str | None) -> str:
    """Line ends and tabs in the XML are only white space."""
    return " ".join(text.replace("\t", " ").replace("\n", " ").split(" ")) if text else ""
