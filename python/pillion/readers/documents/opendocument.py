"""OpenDocument texts and presentations (odt, odp, odg) through odfdo. The only importer of it.

The library opens the package; the text is taken from its XML (OpenDocument 1.3, part 3, section 6), in which white
space is written as elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pillion import extras
from pillion.readers.documents.base import checked_engine, collected, damage_is_corrupt, tidy
from pillion.readers.documents.packages import slim_copy
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

if TYPE_CHECKING:
    from lxml import etree

NAME = "odfdo"
PACKAGE = "odfdo"
NOTE = "OpenDocument texts and presentations"
_ODF = "application/vnd.oasis.opendocument."
_PAGED = ("presentation", "graphics")
_KINDS = ("text", *_PAGED)
MIMES = frozenset(f"{_ODF}{kind}{template}" for kind in _KINDS for template in ("", "-template"))

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_MAX_SPACES = 100


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """The text of the body, in a part for each page where it has slides. Raises ItemError."""
    checked_engine(missing())
    import odfdo

    copy = slim_copy(path)
    with damage_is_corrupt("OpenDocument file"):
        body = odfdo.Document(copy).body._xml_element
        return collected(NAME, _pages(body) if _is_paged(mime) else [DocumentPart(text=tidy("".join(_text(body))))])


def _is_paged(mime: str) -> bool:
    return mime.removeprefix(_ODF).removesuffix("-template") in _PAGED


def _pages(body: etree._Element) -> Iterator[DocumentPart]:
    for number, page in enumerate(body.iter(f"{_DRAW}page"), start=1):
        name = page.get(f"{_DRAW}name") or ""
        yield DocumentPart(text=tidy("".join(_text(page))), kind=PartKind.SLIDE, number=number, name=name)


def _text(element: etree._Element) -> Iterator[str]:
    """The text below an element: paragraphs and rows end lines, cells are separated by tabs."""
    yield _plain(element.text)
    for child in element:
        tag = child.tag
        if tag == f"{_TEXT}s":
            yield " " * min(_MAX_SPACES, int(child.get(f"{_TEXT}c") or 1))
        elif tag == f"{_TEXT}tab":
            yield "\t"
        elif tag == f"{_TEXT}line-break":
            yield "\n"
        elif tag == f"{_TABLE}table-cell":
            yield " ".join("".join(_text(child)).split()) + "\t"
        elif tag != f"{_TEXT}tracked-changes" and isinstance(tag, str):
            yield from _text(child)
            if tag in (f"{_TEXT}p", f"{_TEXT}h", f"{_TABLE}table-row"):
                yield "\n"
        yield _plain(child.tail)


def _plain(text: str | None) -> str:
    """Line ends and tabs in the XML are only white space."""
    return " ".join(text.replace("\t", " ").replace("\n", " ").split(" ")) if text else ""
