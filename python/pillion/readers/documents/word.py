"""Word documents (docx and its kin): ISO/IEC 29500-1, 17. Read with lxml.

What is taken is what a reader of the printed pages sees: results of fields and not their codes, insertions and not
deletions, text boxes once, numbers of lists, and no hidden text.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import embedded, markup, ooxml
from pillion.readers.documents.base import checked_engine, collected, damage_is_corrupt, of_picture, tidy
from pillion.readers.documents.charset import decoded, decoded_markup
from pillion.readers.documents.numbering import Numbering
from pillion.readers.documents.ooxml import attribute, child, is_on, short
from pillion.readers.documents.packages import Package, opened_package
from pillion.readers.documents.result import DocumentPart, DocumentText

if TYPE_CHECKING:
    from lxml import etree

NAME = "word"
PACKAGE = "lxml"
NOTE = "Word documents"
_OOXML = "application/vnd.openxmlformats-officedocument.wordprocessingml."
MIMES = frozenset({f"{_OOXML}document", f"{_OOXML}template"})

_BESIDE = (("header",), ("footer",), ("footnotes",), ("endnotes",), ("comments",))
"""Kinds of the parts beside the body, in the order of their text."""
_SIGNS = {
    "w:tab": "\t",
    "w:ptab": "\t",
    "w:br": "\n",
    "w:cr": "\n",
    "w:noBreakHyphen": "-",
    "a:br": "\n",
}
_DELETED = ("w:del", "w:moveFrom")
_UNSEEN = frozenset(("w:instrText", "w:delText", "w:delInstrText", "w:rPr", "w:pPr", "w:tblPr", "w:sdtPr"))
_AROUND_RUNS = frozenset(
    f"w:{name}"
    for name in (
        "r",
        "hyperlink",
        "ins",
        "moveTo",
        "smartTag",
        "sdt",
        "sdtContent",
        "fldSimple",
        "customXml",
        "dir",
        "bdo",
    )
)
_MAX_CHUNK_DEPTH = 3
"""Documents inside of documents (altChunk)."""
_MAX_CHUNKS = 1000


_USUAL = "word/document.xml"


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """Body, then headers, footers, notes and comments. Raises ItemError."""
    checked_engine(missing())
    with damage_is_corrupt("Word document"), opened_package(path) as package:
        return collected(NAME, _parts(package), package.notes)


def _parts(package: Package) -> Iterator[DocumentPart]:
    yield DocumentPart(text=_document(package, 0))
    yield from embedded.parts(package, [ooxml.main_part(package, _USUAL)])


def _document(package: Package, depth: int) -> str:
    main = ooxml.main_part(package, _USUAL)
    root = package.xml(main)
    body = child(root, "w:body")
    if short(root) != "w:document" or body is None:
        raise ItemError(ErrorClass.CORRUPT, "the Word document is damaged: its main part has no body")
    numbering = Numbering.of(package, main)
    texts = [_Story(package, main, numbering, depth).whole(body)]
    for kinds in _BESIDE:
        for part in ooxml.linked(package, main, *kinds):
            if part in package:
                with package.part(part):
                    texts.append(_Story(package, part, numbering, depth).whole(package.xml(part)))
            else:
                package.notes.add(f"the part {part[:80]} is missing")
    # Each section repeats the same header.
    return "\n\n".join(dict.fromkeys(filter(None, texts)))


class _Story:
    """The text of one part: the body, a header, the notes."""

    def __init__(self, package: Package, part: str, numbering: Numbering, depth: int) -> None:
        self._package = package
        self._links = ooxml.links(package, part)
        self._numbering = numbering
        self._depth = depth
        self._chunks = 0
        self._has_fields = True
        self._fields: list[bool] = []
        """For each field that is open, from the outermost: whether its result has begun."""

    def whole(self, element: etree._Element) -> str:
        """The text of a story. Where fields do not end as often as they begin, their codes are read rather than all
        that follows is lost."""
        marks = Counter(attribute(mark, "fldCharType") for mark in element.iter() if short(mark) == "w:fldChar")
        self._has_fields = marks["begin"] == marks["end"]
        return tidy(self.text(element))

    def text(self, element: etree._Element) -> str:
        """The text below an element: paragraphs and rows end lines, cells are separated by tabs."""
        return "".join(self._below(element))

    def _below(self, element: etree._Element) -> Iterator[str]:
        for below in element:
            yield from self._of(below, short(below))

    def _of(self, element: etree._Element, name: str) -> Iterator[str]:
        if name in ("w:t", "m:t", "a:t"):
            if all(self._fields):
                yield element.text or ""
        elif name in _SIGNS:
            yield _SIGNS[name]
        elif name == "w:p":
            yield from self._paragraph(element)
        elif _is_hidden(element, name):
            return
        elif name == "w:fldChar":
            self._field(attribute(element, "fldCharType") or "")
        elif name == "w:tc":
            yield " ".join(self.text(element).split()) + "\t"
        elif name == "w:tr":
            if child(element, "w:trPr", "w:del") is None:
                yield from self._below(element)
                yield "\n"
        elif name == "w:ruby":
            yield from self._ruby(element)
        elif name == "w:sym":
            yield _symbol(element)
        elif name == "mc:AlternateContent":
            yield self._alternative(element)[0]
        elif name == "w:altChunk":
            yield self._chunk(element)
        elif name in _DELETED:
            for mark in element.iter():
                # A field may begin in what is deleted and end behind it.
                if short(mark) == "w:fldChar":
                    self._field(attribute(mark, "fldCharType") or "")
        elif name not in _UNSEEN:
            yield from self._below(element)
            if name == "a:p":
                yield "\n"

    # paragraphs -------------------------------------------------------------------------------------------------------

    def _paragraph(self, element: etree._Element) -> Iterator[str]:
        """A paragraph and the boxes that hang on it: before it if nothing of it stands before them, else behind."""
        before: list[str] = []
        after: list[str] = []
        line: list[str] = []
        for piece, boxed in self._pieces(element):
            if boxed:
                (after if "".join(line).strip() else before).append(piece.strip("\n") + "\n" if piece.strip() else "")
            else:
                line.append(piece)
        text = "".join(line)
        yield "".join(before)
        if text.strip():
            yield self._numbering.label(child(element, "w:pPr"))
        yield text + "\n"
        yield "".join(after)

    def _pieces(self, element: etree._Element) -> Iterator[tuple[str, bool]]:
        """The text of a paragraph, and whether it is that of a box."""
        for below in element:
            name = short(below)
            if name == "mc:AlternateContent":
                yield self._alternative(below)
            elif name in ("w:drawing", "w:pict", "w:object", "w:txbxContent"):
                yield "".join(self._drawing(below)), True
            elif _is_hidden(below, name):
                continue
            elif name in _AROUND_RUNS:
                yield from self._pieces(below)
            else:
                yield "".join(self._of(below, name)), False

    def _alternative(self, element: etree._Element) -> tuple[str, bool]:
        """The first of the forms of one thing that has text."""
        for form in ooxml.chosen(element):
            pieces = list(self._pieces(form))
            text = "".join(piece for piece, _ in pieces)
            if text.strip():
                return text, any(boxed for _, boxed in pieces)
        return "", False

    def _drawing(self, element: etree._Element) -> Iterator[str]:
        """Text boxes, charts, diagrams and lettering."""
        yield self.text(element)
        for holder in element:
            about = child(holder, "wp:docPr")
            if about is not None:
                yield of_picture(about.get("title"), about.get("descr"))
        for below in element.iter():
            if short(below) == "v:textpath" and below.get("string"):
                yield f"{below.get('string')}\n"
        for text in ooxml.linked_drawings(self._package, element, self._links):
            yield f"{text}\n"

    def _field(self, kind: str) -> None:
        if kind == "begin" and self._has_fields:
            self._fields.append(False)
        elif self._fields and kind == "separate":
            self._fields[-1] = True
        elif self._fields and kind == "end":
            self._fields.pop()

    def _ruby(self, element: etree._Element) -> Iterator[str]:
        base, reading = child(element, "w:rubyBase"), child(element, "w:rt")
        yield self.text(base) if base is not None else ""
        above = self.text(reading) if reading is not None else ""
        yield f"({above})" if above.strip() else ""

    # other documents inside -------------------------------------------------------------------------------------------

    def _chunk(self, element: etree._Element) -> str:
        """A document in another format that Word shows in this place (17.17.2.1)."""
        link = self._links.get(ooxml.relation(element) or "")
        self._chunks += 1
        if link is None or link.target not in self._package:
            self._package.notes.add("a document that is set into this one is missing")
            return ""
        if self._chunks > _MAX_CHUNKS or self._depth >= _MAX_CHUNK_DEPTH:
            self._package.notes.add("documents that are set into others too deep or too often are left out")
            return ""
        text = ""
        with self._package.part(link.target):
            text = _inset(self._package, self._package.data(link.target), self._depth + 1)
        return f"\n{text}\n"


def _inset(package: Package, data: bytes, depth: int) -> str:
    """The text of a document that is set into another; which format it is shows from its first bytes."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data.startswith(b"PK\x03\x04"):
        with opened_package(data) as inner:
            text = _document(inner, depth)
            for note in inner.notes.texts():
                package.notes.add(note)
            return text
    if start.startswith(b"{\\rtf"):
        return _by_engine(package, data, "application/rtf")
    if b"mime-version:" in start or start.startswith((b"from:", b"content-type:")):
        return _by_engine(package, data, "message/rfc822")
    if b"<html" in start or start.startswith((b"<!doctype html", b"<")) or b"<\0h\0t\0m\0l" in start:
        return markup.without_markup(decoded_markup(data))
    return tidy(decoded(data))


def _is_hidden(element: etree._Element, name: str) -> bool:
    return name == "w:r" and is_on(child(element, "w:rPr", "w:vanish"))


def _by_engine(package: Package, data: bytes, mime: str) -> str:
    from pillion.readers.documents import mail, richtext

    with tempfile.NamedTemporaryFile(prefix="pillion-") as file:
        file.write(data)
        file.flush()
        result: DocumentText = (richtext if mime in richtext.MIMES else mail).read(Path(file.name), mime)
    for note in result.notes:
        package.notes.add(note)
    return result.text.replace("\f", "\n\n")


def _symbol(element: etree._Element) -> str:
    """A letter given by its number; those of symbol fonts are in the private area and mean nothing elsewhere."""
    try:
        number = int(attribute(element, "char") or "", 16)
    except ValueError:
        return ""
    return chr(number) if 32 <= number < 0xD800 or 0xF900 <= number <= 0x10FFFF else ""
