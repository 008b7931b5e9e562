"""PowerPoint presentations (pptx) through python-pptx. The only importer of it.

The library finds the slides in their order; their text is taken from the XML (ISO/IEC 29500-1, 21.1.2), because shapes
may contain text for which the library has no object: nested groups, tables, diagrams.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.readers.documents.base import checked_engine, collected, damage_is_corrupt, tidy
from pillion.readers.documents.packages import slim_copy
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

if TYPE_CHECKING:
    from lxml import etree

NAME = "python-pptx"
PACKAGE = "pptx"
NOTE = "PowerPoint presentations"
_OOXML = "application/vnd.openxmlformats-officedocument.presentationml."
MIMES = frozenset({f"{_OOXML}presentation", f"{_OOXML}slideshow", f"{_OOXML}template"})

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_DIAGRAM = "diagramData"


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


def read(path: Path, mime: str) -> DocumentText:
    """A part for each slide: what it shows, its diagrams, then its notes. Raises ItemError."""
    checked_engine(missing())
    import pptx

    copy = slim_copy(path)
    with damage_is_corrupt("presentation"):
        return collected(NAME, _slides(pptx.Presentation(copy)))


def _slides(presentation: Any) -> Iterator[DocumentPart]:
    for number, slide in enumerate(presentation.slides, start=1):
        texts = ["".join(_text(slide.element)), *_diagrams(slide.part), _notes(slide)]
        yield DocumentPart(
            text="\n\n".join(filter(None, map(tidy, texts))), kind=PartKind.SLIDE, number=number, name=_title(slide)
        )


def _title(slide: Any) -> str:
    title = slide.shapes.title
    return " ".join(title.text_frame.text.split())[:200] if title is not None and title.has_text_frame else ""


def _notes(slide: Any) -> str:
    """The speaker's notes; the other placeholders of the notes page hold numbers and dates."""
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    return "" if frame is None else str(frame.text)


def _diagrams(part: Any) -> Iterator[str]:
    from pptx.oxml import parse_xml

    for relation in part.rels.values():
        if not relation.is_external and relation.reltype.endswith(_DIAGRAM):
            yield "".join(_text(parse_xml(relation.target_part.blob)))


def _text(element: etree._Element) -> Iterator[str]:
    """The text below an element: paragraphs and rows end lines, cells are separated by tabs."""
    for child in element:
        tag = child.tag
        if tag == f"{_A}t":
            yield child.text or ""
        elif tag == f"{_A}br":
            yield "\n"
        elif tag == f"{_A}tc":
            yield " ".join("".join(_text(child)).split()) + "\t"
        elif tag != _FALLBACK:
            yield from _text(child)
            if tag in (f"{_A}p", f"{_A}tr"):
                yield "\n"
