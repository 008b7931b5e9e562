"""Books (EPUB, and its forerunner OEB): the chapters in the order of the spine (EPUB 3.3, section 5).

Old books, and those that programs other than publishers' make, keep few of the rules: no namespace, ``&`` in the
metadata, paths in the wrong case. A chapter that is named and cannot be read is a note.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import markup
from pillion.readers.documents.base import checked_engine, collected
from pillion.readers.documents.charset import decoded_markup
from pillion.readers.documents.packages import Package, opened_package, parsed
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

if TYPE_CHECKING:
    from lxml import etree

NAME = "epub"
PACKAGE = markup.PACKAGE
NOTE = "books in EPUB"
MIMES = frozenset({"application/epub+zip"})

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTERS = frozenset(
    (
        *("application/xhtml+xml", "text/html", "application/xml", "text/xml", "text/x-oeb1-document"),
        *("application/x-dtbook+xml", "text/x-oeb-document", "text/plain", "application/html+xml"),
    )
)
_CHAPTER_ENDINGS = (".xhtml", ".html", ".htm", ".xml")
_NO_CHAPTERS = (".opf", ".ncx")
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".svg", ".webp")
_FONT_ONLY = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")
"""The two ways to obfuscate fonts, which leave the text readable."""
_SCHEMES = {
    "META-INF/license.lcpl": "Readium LCP",
    "META-INF/sinf.xml": "Apple FairPlay",
    "META-INF/rights.xml": "Adobe ADEPT",
}
_ENCRYPTED = re.compile(rb"""<(?:\w+:)?CipherReference[^>]*?\bURI\s*=\s*["']([^"']*)["']""")
_ENCRYPTED_DATA = re.compile(rb"</(?:\w+:)?EncryptedData\s*>")
_BARE = re.compile(rb"&(?!#?[A-Za-z0-9_.-]{1,40};)")
_MAX_FALLBACKS = 10


missing = markup.missing


def read(path: Path, mime: str) -> DocumentText:
    """A part for each chapter. Raises ItemError."""
    checked_engine(missing())
    with opened_package(path) as package:
        _refuse_protected(package)
        result = collected(NAME, _read_chapters(package, _chapters(package)), package.notes)
        if not result.parts and package.notes.texts():
            raise ItemError(ErrorClass.CORRUPT, f"no chapter of the book can be read: {package.notes.texts()[0]}")
        return result


def _refuse_protected(package: Package) -> None:
    if _ENCRYPTION not in package:
        return
    data = package.data(_ENCRYPTION)
    parts = [unquote(uri.decode("utf-8", "replace")).lower() for uri in _ENCRYPTED.findall(data)]
    count = len(_ENCRYPTED_DATA.findall(data))
    if count <= sum(data.count(way) for way in _FONT_ONLY):
        return
    if len(parts) >= count and not any(part.endswith((*_CHAPTER_ENDINGS, *_NO_CHAPTERS)) for part in parts):
        return
    scheme = next((f" ({name})" for part, name in _SCHEMES.items() if part in package), "")
    raise ItemError(ErrorClass.UNSUPPORTED, f"the book is protected against copying{scheme}")


# the table of contents ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item:
    """``href``: as written, relative to the package's document."""

    href: str
    mime: str
    fallback: str


def _chapters(package: Package) -> Sequence[str]:
    """The names of the chapters' parts, in reading order. Raises ItemError (corrupt)."""
    opf = _opf_path(package)
    if opf is None:
        package.notes.add("the book lacks its table of parts: chapters are in the order of their names")
        return sorted(name for name in package.names() if name.endswith(_CHAPTER_ENDINGS[:3]))
    root = _xml(package, opf)
    if root is None or _local(root) != "package":
        raise ItemError(ErrorClass.CORRUPT, "the book's table of parts is damaged")
    items = {
        item.get("id") or "": _Item(item.get("href") or "", (item.get("media-type") or "").lower(), _fallback(item))
        for item in _all(root, "item")
    }
    order = [reference.get("idref") or "" for reference in _all(root, "itemref")]
    if not order:
        package.notes.add("the book does not say in which order it is read: chapters are in the order of its table")
        order = [name for name, item in items.items() if item.mime in _CHAPTERS]
    return [path for name in order if (path := _chapter_path(package, opf, items, name))]


def _chapter_path(package: Package, opf: str, items: dict[str, _Item], name: str) -> str | None:
    """Where a chapter of the spine is; None, with a note, where there is none that can be read."""
    item = items.get(name)
    if item is None:
        package.notes.add(f"the chapter {name} of the book is not in its table of parts")
        return None
    for _ in range(_MAX_FALLBACKS):
        if _is_chapter(item) or item.fallback not in items:
            break
        item = items[item.fallback]
    if not _is_chapter(item):
        # A cover or a page of a comic has no text.
        if not item.mime.startswith("image/") and not item.href.lower().endswith(_PICTURES):
            package.notes.add(f"the chapter {name} of the book is of the type {item.mime}, which is not read")
        return None
    for path in _places(opf, item.href):
        if path in package:
            return path
    package.notes.add(f"the chapter {item.href} of the book is missing")
    return None


def _is_chapter(item: _Item) -> bool:
    return item.mime in _CHAPTERS or item.href.lower().partition("#")[0].endswith(_CHAPTER_ENDINGS)


def _places(opf: str, href: str) -> Iterator[str]:
    """Where a part may be: relative to the package, percent-encoded or not, or from the top of the zip file."""
    for written in dict.fromkeys((unquote(href), href, unquote(href).partition("#")[0], href.partition("#")[0])):
        for folder in dict.fromkeys((posixpath.dirname(opf), "")):
            yield posixpath.normpath(posixpath.join(folder, written.replace("\\", "/")))


def _opf_path(package: Package) -> str | None:
    if _CONTAINER in package:
        root = _xml(package, _CONTAINER)
        for file in _all(root, "rootfile") if root is not None else ():
            path = unquote(file.get("full-path") or "")
            for candidate in (path, file.get("full-path") or ""):
                if candidate and candidate in package:
                    return candidate
    return next((name for name in package.names() if name.endswith(".opf")), None)


def _xml(package: Package, name: str) -> etree._Element | None:
    """The root of a part's XML, also where it has ampersands that stand for themselves."""
    data = package.data(name)
    return parsed(data if b"\0" in data[:4] else _BARE.sub(b"&amp;", data))[0]


def _all(root: etree._Element, name: str) -> Iterator[etree._Element]:
    """Elements by their local names: old books have other namespaces, or none."""
    return (element for element in root.iter() if _local(element) == name)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _fallback(item: etree._Element) -> str:
    return item.get("fallback") or ""


# chapters -------------------------------------------------------------------------------------------------------------


def _read_chapters(package: Package, paths: Sequence[str]) -> Iterator[DocumentPart]:
    number = 0
    for path in paths:
        page: markup.Page | None = None
        with package.part(path):
            page = markup.page_of(markup.as_html(decoded_markup(package.data(path))))
        if page is not None:
            number += 1
            yield DocumentPart(text=page.text, kind=PartKind.CHAPTER, number=number, name=page.title)
