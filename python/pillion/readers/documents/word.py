"""Word documents (docx) through python-docx. The only importer of it.

The library finds the parts; their text is taken from the XML itself (ISO/IEC 29500-1, 17.3), because the library's
paragraphs leave out text boxes, notes and insertions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.readers.documents.base import checked_engine, collected, damage_is_corrupt, tidy
from pillion.readers.documents.packages import slim_copy
from pillion.readers.documents.result import DocumentPart, DocumentText

if TYPE_CHECKING:
    from lxml import etree

NAME = "python-docx"
PACKAGE = "docx"
NOTE = "Word documents"
_OOXML = "application/vnd.openxmlformats-officedocument.wordprocessingml."
MIMES = frozenset({f"{_OOXML}document", f"{_OOXML}template"})

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SIDE_PARTS = ("header", "footer", "footnotes", "endnotes", "comments")
"""The ends of the content types of parts besides the body."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """Body, then headers, footers, notes and comments. Raises ItemError."""
    checked_engine(missing())
    import docx

    copy = slim_copy(path)
    with damage_is_corrupt("Word document"):
        document = docx.Document(copy)
        body = "".join(_text(document.element.body))
        beside = [tidy("".join(_text(element))) for element in _side_elements(document.part.package)]
    # Each section repeats the same header.
    text = "\n\n".join([tidy(body), *dict.fromkeys(filter(None, beside))])
    return collected(NAME, [DocumentPart(text=text)])


def _side_elements(package: Any) -> Iterator[etree._Element]:
    from docx.oxml.parser import parse_xml

    for part in sorted(package.iter_parts(), key=lambda part: str(part.partname)):
        if part.content_type.removesuffix("+xml").endswith(_SIDE_PARTS) and part.blob:
            yield parse_xml(part.blob)


def _text(element: etree._Element) -> Iterator[str]:
    """The text below an element: paragraphs and rows end lines, cells are separated by tabs."""
    for child in element:
        tag = child.tag
        if tag == f"{_W}t":
            yield child.text or ""
        elif tag in (f"{_W}tab", f"{_W}ptab"):
            yield "\t"
        elif tag in (f"{_W}br", f"{_W}cr"):
            yield "\n"
        elif tag == f"{_W}noBreakHyphen":
            yield "-"
        elif tag in (_FALLBACK, f"{_W}del", f"{_W}moveFrom"):
            # A repetition in another form, or deleted text.
            continue
        elif tag == f"{_W}tc":
            yield " ".join("".join(_text(child)).split()) + "\t"
        else:
            yield from _text(child)
            if tag in (f"{_W}p", f"{_W}tr"):
                yield "\n"
