"""What OCR answers, and its JSON (schema-3.json beside this, docs/sidecar-formats.md)."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.stored import reading, sidecar_json

OCR_SCHEMA_VERSION = 3

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; the origin is the upper left corner, right and bottom are outside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrWord:
    """One word. ``confidence`` is 0 to 100; an ``uncertain`` word is more likely wrong than right.

    A word of a PDF's own text has no confidence.
    """

    text: str
    confidence: float | None
    box: Box
    uncertain: bool = False

    def document(self) -> dict[str, Any]:
        """As stored."""
        document: dict[str, Any] = {"text": self.text, "box": _box(self.box)}
        if self.confidence is not None:
            document["confidence"] = round(self.confidence, 1)
        if self.uncertain:
            document["uncertain"] = True
        return document

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> OcrWord:
        """What :meth:`document` gave."""
        return cls(
            text=document["text"],
            confidence=document.get("confidence"),
            box=_parsed_box(document["box"]),
            uncertain=document.get("uncertain", False),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrLine:
    """One line. ``paragraph``: one begins here. In very long PDFs, lines of their own text have no words."""

    text: str
    words: tuple[OcrWord, ...] = ()
    box: Box | None = None
    paragraph: bool = False

    def document(self) -> dict[str, Any]:
        """As stored."""
        document: dict[str, Any] = {"text": self.text, "words": [word.document() for word in self.words]}
        if self.box is not None:
            document["box"] = _box(self.box)
        return document | ({"paragraph": True} if self.paragraph else {})

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> OcrLine:
        """What :meth:`document` gave."""
        return cls(
            text=document["text"],
            words=tuple(map(OcrWord.parse, document["words"])),
            box=_parsed_box(document["box"]) if "box" in document else None,
            paragraph=document.get("paragraph", False),
        )


class Direction(Enum):
    """How the lines of a page run, on the page turned by its rotation."""

    RIGHT = "ltr"
    LEFT = "rtl"
    DOWN = "ttb"
    """In columns, of which the first one is on the right."""


class BlockType(Enum):
    """What a block of a page is."""

    TEXT = "text"
    HEADING = "heading"
    TABLE = "table"
    FIGURE = "figure"
    CAPTION = "caption"
    LIST = "list"
    FOOTER = "footer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines of a page that belong together. ``lines``: their numbers, from 0; none for a figure.

    ``rows``: the texts of a table's cells, for each of its lines; empty ones where a line has none in a column.
    """

    type: BlockType
    box: Box
    lines: tuple[int, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def document(self) -> dict[str, Any]:
        """As stored."""
        document: dict[str, Any] = {"type": self.type.value, "box": _box(self.box), "lines": list(self.lines)}
        return document | ({"rows": [list(row) for row in self.rows]} if self.rows else {})

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Block:
        """What :meth:`document` gave."""
        return cls(
            type=BlockType(document["type"]),
            box=_parsed_box(document["box"]),
            lines=tuple(document["lines"]),
            rows=tuple(tuple(row) for row in document.get("rows", ())),
        )


def mean_confidence(lines: Iterable[OcrLine]) -> float | None:
    """Over all words that have one; None if none has."""
    found = [word.confidence for line in lines for word in line.words if word.confidence is not None]
    return sum(found) / len(found) if found else None


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrPage:
    """One page.

    ``width``, ``height`` and all boxes are in ``unit``: pixels of the upright picture (EXIF honoured) for images,
    points for PDFs. ``rotation``: degrees clockwise by which to turn the page to read it; boxes are as it is shown.
    ``direction``: of most of its lines then.
    """

    number: int
    source: str
    """``ocr``, ``text_layer``, or ``mixed``: the words of pictures among those of the text layer."""
    width: float
    height: float
    unit: str
    lines: tuple[OcrLine, ...]
    rotation: int = 0
    confidence: float | None = None
    languages: tuple[str, ...] = ()
    """In which the page was read; none for text that was not recognised."""
    blocks: tuple[Block, ...] = ()
    """In reading order. None where lines have no boxes, and in sidecars of versions before 3."""
    direction: Direction = Direction.RIGHT

    @property
    def text(self) -> str:
        """Lines parted by newlines, paragraphs by empty lines."""
        parts = ["\n" + line.text if line.paragraph and index else line.text for index, line in enumerate(self.lines)]
        return "\n".join(parts)

    def document(self) -> dict[str, Any]:
        """As stored."""
        document: dict[str, Any] = {
            "number": self.number,
            "source": self.source,
            "width": _round(self.width),
            "height": _round(self.height),
            "unit": self.unit,
            "rotation": self.rotation,
            "mean_confidence": None if self.confidence is None else round(self.confidence, 1),
            "text": self.text,
            "lines": [line.document() for line in self.lines],
            "blocks": [block.document() for block in self.blocks],
        }
        if self.direction is not Direction.RIGHT:
            document["direction"] = self.direction.value
        return document | ({"languages": list(self.languages)} if self.languages else {})

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> OcrPage:
        """What :meth:`document` gave."""
        return cls(
            **{name: document[name] for name in ("number", "source", "width", "height", "unit", "rotation")},
            lines=tuple(map(OcrLine.parse, document["lines"])),
            confidence=document["mean_confidence"],
            languages=tuple(document.get("languages", ())),
            blocks=tuple(map(Block.parse, document.get("blocks", ()))),
            direction=Direction(document.get("direction", Direction.RIGHT.value)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrResult:
    """The text of an image or a PDF. ``confidence``: mean over all recognised words, 0 to 100; None without any.

    ``partial``: pages were left out, or may be missing; ``notes`` say which and why.
    """

    engine: str
    engine_version: str
    languages: tuple[str, ...]
    pages: tuple[OcrPage, ...]
    notes: tuple[str, ...] = ()
    partial: bool = False

    @property
    def text(self) -> str:
        """The text of all pages, parted by form feeds."""
        return "\f".join(page.text for page in self.pages)

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the words that were recognised."""
        return mean_confidence(line for page in self.pages for line in page.lines)

    def to_json(self) -> str:
        """The bytes of the ``ocr`` sidecar, as text."""
        confidence = self.confidence
        return sidecar_json(
            {
                "schema_version": OCR_SCHEMA_VERSION,
                "kind": "ocr",
                "engine": {"name": self.engine, "version": self.engine_version},
                "languages": list(self.languages),
                "mean_confidence": None if confidence is None else round(confidence, 1),
                "text": self.text,
                "pages": [page.document() for page in self.pages],
                "notes": list(self.notes),
                **({"partial": True} if self.partial else {}),
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> OcrResult:
        """What :meth:`to_json` wrote, in this version or an older one. Raises ItemError (corrupt)."""
        with reading("ocr", text) as document:
            return cls(
                engine=document["engine"]["name"],
                engine_version=document["engine"]["version"],
                languages=tuple(document["languages"]),
                pages=tuple(map(OcrPage.parse, document["pages"])),
                notes=tuple(document["notes"]),
                partial=document.get("partial", False),
            )


def _parsed_box(sides: list[float]) -> Box:
    left, top, right, bottom = sides
    return left, top, right, bottom


def _box(box: Box) -> list[float]:
    return [_round(side) for side in box]


@functools.lru_cache(maxsize=1 << 16)  # the boxes of a page share most of their sides
def _round(value: float) -> float:
    """One decimal, and whole numbers without one."""
    rounded = round(float(value), 1)
    return int(rounded) if rounded.is_integer() else rounded


# the text of a line ---------------------------------------------------------------------------------------------------

_UNSPACED = (
    ("\u3000", "\u30ff"),
    ("\u31f0", "\u31ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\uff01", "\uff9f"),
    ("\U00020000", "\U0003ffff"),
)
"""Unicode blocks of Chinese and Japanese: ideographs, kana, their punctuation, and full-width forms. Not Korean."""
_FIRST_TO_RUN_LEFT = "\u0590"


def joined_words(words: Sequence[str]) -> str:
    """Words separated by spaces, except in scripts that are written without them."""
    text = ""
    for word in words:
        closed = text and word and is_unspaced(text[-1]) and is_unspaced(word[0])
        text += word if closed or not text else f" {word}"
    return text


def joined_lines(lines: Iterable[Sequence[str]]) -> list[str]:
    """Each line's words, joined so."""
    return [joined_words(words) for words in lines]


def are_unspaced(words: Iterable[str]) -> bool:
    """Whether most letters are Chinese or Japanese."""
    letters = [character for word in words for character in word if character.isalpha()]
    return bool(letters) and 2 * sum(map(is_unspaced, letters)) > len(letters)


def is_unspaced(character: str) -> bool:
    """Whether it is of Chinese or Japanese, which are written without spaces."""
    return any(first <= character <= last for first, last in _UNSPACED)


def mostly_run_left(texts: Iterable[str]) -> bool:
    """Whether most letters are of a script that runs from right to left: Arabic, Hebrew, Syriac, Thaana."""
    texts = list(texts)
    to_left = sum(_runs_left(letter) for text in texts for letter in text if letter >= _FIRST_TO_RUN_LEFT)
    return to_left > 0 and 2 * to_left > sum(character.isalpha() for text in texts for character in text)


def has_letters_to_left(text: str) -> bool:
    """Whether there are letters of such a script at all."""
    return not text.isascii() and any(map(_runs_left, text))


def _runs_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")


# notes ---------------------------------------------------------------------------------------------------------------


_MAX_NOTES = 20


class Notes:
    """What a reader of the result should know; only the first few of a long list of bad pages."""

    def __init__(self) -> None:
        self._errors: list[ItemError] = []
        self._texts: list[str] = []
        self.partial = False
        """Whether pages were left out, or may be missing."""

    def missing(self, text: str) -> None:
        """Pages are missing, or may be, as ``text`` says."""
        self.partial = True
        self.add(text)

    def add(self, text: str) -> None:
        """A note on the whole document."""
        self._texts.append(text)

    def left_out(self, error: ItemError) -> None:
        """A page was left out because of ``error``."""
        self.partial = True
        self._errors.append(error)

    def texts(self) -> tuple[str, ...]:
        """All notes."""
        first = [error.message for error in self._errors[:_MAX_NOTES]]
        more = len(self._errors) - len(first)
        return *first, *([f"{more} more pages were left out"] if more else []), *self._texts

    def error(self) -> ItemError:
        """Why there is no page: their reason where all have the same, and else that the document is damaged."""
        classes = {error.error_class for error in self._errors}
        if len(classes) == 1 and (one := classes.pop()) is not ErrorClass.CORRUPT:
            return ItemError(one, f"no page of the PDF can be read: {self._errors[0].message}")
        return ItemError(ErrorClass.CORRUPT, "no page of the PDF can be read")
