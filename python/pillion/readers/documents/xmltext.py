"""Documents that are one file of XML: drawings (SVG), books in FictionBook, DocBook, TEI and JATS, and feeds.

Other XML is data or source code, and read as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pillion.readers.documents import markup, plain
from pillion.readers.documents.base import Notes, checked_engine, collected, read_bytes, tidy
from pillion.readers.documents.packages import parsed
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

if TYPE_CHECKING:
    from lxml import etree

NAME = "xml"
PACKAGE = markup.PACKAGE
NOTE = "drawings and books in XML"
_SVG = "image/svg+xml"
MIMES = frozenset({_SVG, "text/xml", "application/xml"})

_MAX_BYTES = 32 << 20
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
_SKIPPED = re.compile(
    rb"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>]*\[.*?\]\s*>|[^\[>]*>)|\xef\xbb\xbf", re.DOTALL | re.IGNORECASE
)
_DOCUMENTS = frozenset(
    ["svg", "FictionBook", "book", "article", "chapter", "part", "set", "refentry", "TEI", "TEI.2", "rss", "feed"]
)
_INLINE = frozenset(
    (
        *(
            "a",
            "abbrev",
            "acronym",
            "b",
            "code",
            "command",
            "emphasis",
            "em",
            "filename",
            "hi",
            "i",
            "italic",
            "link",
            "literal",
        ),
        *(
            "phrase",
            "quote",
            "ref",
            "seg",
            "strong",
            "style",
            "strikethrough",
            "sub",
            "sup",
            "tspan",
            "ulink",
            "xref",
            "bold",
        ),
        *(
            "span",
            "textPath",
            "tref",
            "emph",
            "foreign",
            "name",
            "term",
            "productname",
            "option",
            "replaceable",
            "email",
            "uri",
        ),
    )
)
_UNSEEN = frozenset(
    ["script", "binary", "metadata", "symbol", "stylesheet", "document-info", "guid", "id", "indexterm"]
)
_MAX_NAME = 300


missing = markup.missing


def read(path: Path, mime: str) -> DocumentText:
    """The text that is seen, of books in a part for each chapter. Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    if mime != _SVG and _root_name(data) not in _DOCUMENTS:
        return plain.read(path, mime)
    checked_engine(missing())
    notes = Notes()
    root, whole = parsed(data)
    if root is None:
        return plain.read(path, mime)
    if not whole and not more:
        notes.add("the XML is damaged: only what could be read of it is here")
    result = collected(NAME, _parts(root), notes)
    return replace(result, truncated=more or result.truncated)


def _root_name(data: bytes) -> str:
    """The name of the first element, behind declarations and comments."""
    head = data[: 1 << 16]
    if b"\0" in head:
        root, _ = parsed(data)
        return _local(root) if root is not None else ""
    at = 0
    while found := _SKIPPED.match(head, at):
        at = found.end()
    root_tag = _ROOT.match(head, at)
    return root_tag[1].decode() if root_tag else ""


def _parts(root: etree._Element) -> Iterator[DocumentPart]:
    if _local(root) != "FictionBook":
        yield DocumentPart(text=tidy("".join(_text(root, drawing=_local(root) == "svg"))))
        return
    number = 0
    for body in (child for child in root if _local(child) == "body"):
        sections = [child for child in body if _local(child) == "section"]
        for section in sections or [body]:
            number += 1
            title = next((child for child in section if _local(child) == "title"), None)
            name = "" if title is None else " ".join("".join(_text(title)).split())[:_MAX_NAME]
            yield DocumentPart(text=tidy("".join(_text(section))), kind=PartKind.CHAPTER, number=number, name=name)


def _text(element: etree._Element, *, drawing: bool = False) -> Iterator[str]:
    """The text below an element, of which all but inline ones end lines. Walks without calling itself."""
    stack: list[tuple[etree._Element, bool]] = [(element, False)]
    while stack:
        item, is_done = stack.pop()
        name = _local(item)
        if is_done:
            yield "" if name in _INLINE else "\n" if drawing else "\n\n"
            yield from _plain(item.tail if item is not element else None)
            continue
        if name in _UNSEEN or (drawing and name == "style"):
            yield from _plain(item.tail if item is not element else None)
            continue
        stack.append((item, True))
        stack += [(child, False) for child in reversed(item)]
        yield from _plain(item.text)


def _plain(text: str | None) -> Iterator[str]:
    if text:
        yield re.sub(r"\s+", " ", text)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
