"""What every OCR engine offers, and the plain records in which it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture given; right and bottom are outside."""


class Layout(Enum):
    """What the lines of a picture are told to be."""

    PAGE = "page"
    """Anything: columns, titles, pictures."""
    COLUMN = "column"
    """Below each other, with titles, rules and gaps."""
    BLOCK = "block"
    """Below each other and nothing else, however wide the gaps in a line: a table without rules."""


@dataclass(frozen=True, slots=True)
class SeenWord:
    """One word; ``confidence`` is 0 to 100."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class SeenLine:
    """Words of one line in reading order. ``paragraph``: whether a paragraph begins here."""

    words: tuple[SeenWord, ...]
    box: Box
    paragraph: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read. ``rotation``: degrees clockwise (0, 90, 180, 270) by which to turn the picture to read it."""

    lines: tuple[SeenLine, ...]
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the layout, without recognition, found: how many lines of text, and their median height.

    ``boxes``: of these lines in reading order, where the engine tells.
    """

    lines: int
    height: float
    boxes: tuple[Box, ...] = ()


class OcrReader(Protocol):
    """An engine with its languages loaded. Pictures are gray, uint8, shape (H, W), C-contiguous."""

    def look(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Look | None:
        """The layout, cheaply; None when this engine cannot tell without reading."""
        ...

    def read(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Seen:
        """Recognise. Raises ItemError."""
        ...


class OcrEngine(Protocol):
    """An OCR engine, one module."""

    NAME: str

    def missing(self) -> str | None:
        """One sentence that says what lacks and how to get it; None when all is there. Loads nothing."""
        ...

    def version(self) -> str:
        """Of the engine, such as ``5.5.4``."""
        ...

    def reader(self, languages: Sequence[str], tessdata: str | None, which: int = 0) -> OcrReader:
        """The engine with its languages loaded, kept for the next call. Raises ItemError (missing_tool).

        A reader serves one thread at a time; another thread asks for another ``which``.
        """
        ...
