"""PowerPoint presentations (pptx and its kin): ISO/IEC 29500-1, 19. Read with lxml."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import embedded, ooxml
from pillion.readers.documents.base import checked_engine, collected, damage_is_corrupt, tidy
from pillion.readers.documents.ooxml import child, short
from pillion.readers.documents.packages import Package, opened_package
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

if TYPE_CHECKING:
    from lxml import etree

NAME = "presentation"
PACKAGE = "lxml"
NOTE = "PowerPoint presentations"
_OOXML = "application/vnd.openxmlformats-officedocument.presentationml."
MIMES = frozenset({f"{_OOXML}presentation", f"{_OOXML}slideshow", f"{_OOXML}template"})

_NOT_OF_NOTES = ("sldNum", "dt", "hdr", "ftr", "sldImg")
"""Placeholders of a page of notes that hold what each page has: numbers, dates, the picture of the slide."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """A part for each slide: what it shows, then its notes and comments. Raises ItemError."""
    checked_engine(missing())
    with damage_is_corrupt("presentation"), opened_package(path) as package:
        return read_package(package)


def read_package(package: Package) -> DocumentText:
    """The text of a presentation that is open. Raises ItemError."""
    main = ooxml.main_part(package, "ppt/presentation.xml")
    root = package.xml(main)
    if short(root) != "p:presentation":
        raise ItemError(ErrorClass.CORRUPT, "the presentation is damaged: its main part is something else")
    known = ooxml.links(package, main)
    entries = [entry for entry in root.iter() if short(entry) == "p:sldId"]
    slides = [known.get(ooxml.relation(entry) or "") for entry in entries]
    reader = _Reader(package)
    names = [slide.target if slide else "" for slide in slides]
    parts = itertools.chain(reader.slides(names), embedded.parts(package, filter(None, names)))
    result = collected(NAME, parts, package.notes)
    if entries and reader.failed == len(entries):
        raise ItemError(ErrorClass.CORRUPT, "the presentation is damaged: none of its slides can be read")
    return result


class _Reader:
    def __init__(self, package: Package) -> None:
        self._package = package
        self._shown: set[str] = set()
        self.failed = 0

    def slides(self, names: list[str]) -> Iterator[DocumentPart]:
        for number, name in enumerate(names, start=1):
            if name not in self._package:
                self.failed += 1
                self._package.notes.add(f"slide {number} is missing")
                continue
            before = self.failed
            self.failed += 1
            with self._package.part(name):
                root = self._package.xml(name)
                if short(root) != "p:sld":
                    self._package.notes.add(f"slide {number} could not be read")
                    continue
                part = self._slide(number, name, root)
                self.failed = before
                yield part

    def _slide(self, number: int, name: str, root: etree._Element) -> DocumentPart:
        known = ooxml.links(self._package, name)
        texts = ["".join(ooxml.drawn(root)), *ooxml.linked_drawings(self._package, root, known)]
        texts += self._template(name)
        for part in ooxml.linked(self._package, name, "notesSlide"):
            texts += self._read(part, _notes)
        for part in ooxml.linked(self._package, name, "comments"):
            texts += self._read(part, _comments)
        return DocumentPart(
            text="\n\n".join(filter(None, map(tidy, texts))),
            kind=PartKind.SLIDE,
            number=number,
            name=_title(root),
            hidden=root.get("show") in ("0", "false"),
        )

    def _read(self, part: str, how: object) -> list[str]:
        assert callable(how)
        if part in self._package:
            with self._package.part(part):
                return [str(how(self._package.xml(part)))]
        return []

    def _template(self, slide: str) -> Iterator[str]:
        """What the layout and the master of a slide show on it, with the first slide that has them."""
        for layout in ooxml.linked(self._package, slide, "slideLayout"):
            for part in (layout, *ooxml.linked(self._package, layout, "slideMaster")):
                if part in self._shown or part not in self._package:
                    continue
                self._shown.add(part)
                yield from self._read(part, _fixed)


def _fixed(root: etree._Element) -> str:
    """The text of the shapes that are no placeholders, whose text only asks to be replaced."""
    return "\n".join(
        "".join(ooxml.drawn(shape)) for shape in root.iter() if short(shape) == "p:sp" and _placeholder(shape) is None
    )


def _placeholder(shape: etree._Element) -> etree._Element | None:
    return child(shape, "p:nvSpPr", "p:nvPr", "p:ph")


def _title(root: etree._Element) -> str:
    for shape in root.iter():
        place = _placeholder(shape) if short(shape) == "p:sp" else None
        if place is not None and place.get("type") in ("title", "ctrTitle"):
            return " ".join("".join(ooxml.drawn(shape)).split())[:200]
    return ""


def _notes(root: etree._Element) -> str:
    texts = []
    for shape in root.iter():
        name = short(shape)
        place = _placeholder(shape) if name == "p:sp" else None
        if (name == "p:sp" and (place is None or place.get("type") not in _NOT_OF_NOTES)) or name == "p:graphicFrame":
            texts.append("".join(ooxml.drawn(shape)))
    return "\n".join(texts)


def _comments(root: etree._Element) -> str:
    """Comments of both kinds: plain text in ``p:text``, since 2018 paragraphs in ``p188:txBody``."""
    texts = []
    for element in root.iter():
        if short(element) == "p:text":
            texts.append(element.text or "")
        elif short(element) == "p188:txBody":
            texts.append("".join(ooxml.drawn(element)))
    return "\n".join(texts)
