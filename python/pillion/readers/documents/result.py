"""The text of a document, as the engines return it: parts such as slides, sheets or chapters, in reading order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PART_SEPARATOR = "\f"
"""Separates the texts of two parts, like the pages of OCR."""


class PartKind(StrEnum):
    """The type of a part."""

    BODY = "body"
    """The only part of a text without numbered parts."""
    PAGE = "page"
    SLIDE = "slide"
    SHEET = "sheet"
    CHAPTER = "chapter"
    MESSAGE = "message"
    ATTACHMENT = "attachment"
    """A file attached to a message, or set into a document."""


CellRun = tuple[int, int, int, int]
"""Lines of a sheet's text that stand below each other in the sheet: the number of the first line, how many they are,
and the row and the column of the first line's first cell; numbers from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentPart:
    """One part. ``number``: from 1, in reading order. ``name``: its name in the document, such as a sheet's name.

    ``hidden``: whether the program that made the document shows it only when asked to: a hidden sheet or slide.
    ``cells``: where the lines of a sheet stand in it; lines of no run are something else, such as comments.
    """

    text: str
    kind: PartKind = PartKind.BODY
    number: int = 1
    name: str = ""
    hidden: bool = False
    cells: tuple[CellRun, ...] = ()

    def document(self) -> dict[str, Any]:
        """For JSON."""
        named = {"name": self.name} if self.name else {}
        hidden = {"hidden": True} if self.hidden else {}
        return {"part": self.kind, "number": self.number, **named, **hidden, "text": self.text}


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentText:
    """The text of a file. ``engine``: what read it. ``truncated``: the file has more text than was read.

    ``notes``: what a reader should know, such as the parts that could not be read, each in one sentence.
    """

    engine: str
    parts: tuple[DocumentPart, ...]
    truncated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of all parts, separated by form feeds."""
        return PART_SEPARATOR.join(part.text for part in self.parts)

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "kind": "file",
            "engine": {"name": self.engine},
            "text": self.text,
            "parts": [part.document() for part in self.parts],
            "truncated": self.truncated,
            "notes": list(self.notes),
        }
