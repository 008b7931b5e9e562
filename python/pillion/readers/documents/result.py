"""The text of a document as the engines answer it: parts such as slides, sheets or chapters, in reading order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PART_SEPARATOR = "\f"
"""Stands between the texts of two parts, as between the pages of OCR."""


class PartKind(StrEnum):
    """What a part of a text is."""

    BODY = "body"
    """The one part of a text that has no parts a reader would number."""
    PAGE = "page"
    SLIDE = "slide"
    SHEET = "sheet"
    CHAPTER = "chapter"
    MESSAGE = "message"


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentPart:
    """One part. ``number``: from 1, in reading order. ``name``: what the document calls it, such as a sheet's name."""

    text: str
    kind: PartKind = PartKind.BODY
    number: int = 1
    name: str = ""

    def document(self) -> dict[str, Any]:
        """For JSON."""
        named = {"name": self.name} if self.name else {}
        return {"part": self.kind, "number": self.number, **named, "text": self.text}


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentText:
    """The text of a file that has text. ``truncated``: there was more than is read. ``engine``: what read it."""

    engine: str
    parts: tuple[DocumentPart, ...]
    truncated: bool = False

    @property
    def text(self) -> str:
        """The text of all parts, parted by form feeds."""
        return PART_SEPARATOR.join(part.text for part in self.parts)

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "kind": "file",
            "engine": {"name": self.engine},
            "text": self.text,
            "parts": [part.document() for part in self.parts],
            "truncated": self.truncated,
        }
