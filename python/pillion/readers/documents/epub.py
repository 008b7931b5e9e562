"""Books (EPUB): the chapters in the order of the spine (EPUB 3.3, section 5)."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import markup
from pillion.readers.documents.base import collected
from pillion.readers.documents.charset import decoded_markup
from pillion.readers.documents.packages import opened, plain_xml
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

NAME = "epub"
PACKAGE = markup.PACKAGE
NOTE = "books in EPUB"
MIMES = frozenset({"application/epub+zip"})

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CONTAINER_NS = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_CHAPTERS = ("application/xhtml+xml", "text/html", "application/xml")
_FONT_ONLY = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")
"""The two ways to obfuscate fonts, which leave the text readable."""


missing = markup.missing


def read(path: Path, mime: str) -> DocumentText:
    """A part for each chapter. Raises ItemError."""
    try:
        with opened(path) as archive:
            _refuse_protected(archive)
            return collected(NAME, _chapters(archive, _package_path(archive)))
    except ElementTree.ParseError as error:
        raise ItemError(ErrorClass.CORRUPT, "the book's table of parts is damaged") from error


def _refuse_protected(archive: zipfile.ZipFile) -> None:
    if _ENCRYPTION not in archive.namelist():
        return
    data = archive.read(_ENCRYPTION)
    if data.count(b"EncryptedData>") // 2 > sum(data.count(way) for way in _FONT_ONLY):
        raise ItemError(ErrorClass.UNSUPPORTED, "the book is protected against copying")


def _package_path(archive: zipfile.ZipFile) -> str:
    root = ElementTree.fromstring(plain_xml(archive, _CONTAINER))
    for file in root.iter(f"{_CONTAINER_NS}rootfile"):
        if file.get("full-path"):
            return str(file.get("full-path"))
    raise ItemError(ErrorClass.CORRUPT, "the book does not say where its contents are")


def _chapters(archive: zipfile.ZipFile, package: str) -> Iterator[DocumentPart]:
    root = ElementTree.fromstring(plain_xml(archive, package))
    items = {item.get("id"): item for item in root.iter(f"{_OPF}item")}
    names = set(archive.namelist())
    number = 0
    for reference in root.iter(f"{_OPF}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _CHAPTERS:
            continue
        # Paths in a book are relative to the package and may be percent-encoded; they cannot leave the zip file.
        path = posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(item.get("href") or "")))
        if path not in names:
            continue
        number += 1
        page = markup.page_of(decoded_markup(archive.read(path)))
        yield DocumentPart(text=page.text, kind=PartKind.CHAPTER, number=number, name=page.title)
