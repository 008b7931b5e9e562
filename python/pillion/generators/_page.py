"""Reading one page: at which scale, which way up, and which words to believe.

The scale matters most. Tesseract reads best, and fastest, where a line of text is 20 to 30 pixels high, whatever the
resolution of the picture. So a page is looked at first at a middling size (a layout analysis, a tenth of the cost of
reading), and read at the size that brings its lines into that range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillion.engines.ocr_base import Box, Look, OcrReader, Seen, SeenLine, SeenWord
from pillion.results import OcrLine, OcrPage, OcrWord, mean_confidence

LOOK_PIXELS = 2_500_000
"""About an A4 page at 150 dpi: at this size print of normal size is in the best range already."""
READ_PIXELS = 9_000_000
_SMALL_PIXELS = 1_000_000
_FEW_LINES = 3
MAX_UPSCALE = 4.0

_BEST_HEIGHT = 26.0
_LOW_HEIGHT = 17.0
_HIGH_HEIGHT = 60.0

_SURE = 80.0
_UNREADABLE = 55.0
_READABLE = 70.0
_WORD_UNCERTAIN = 60.0
_LINE_NOISE = 45.0
_MIN_CHARACTERS = 3
_MIN_SHARE = 0.25


class PageSource(Protocol):
    """A page that can be had at any scale."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height at scale 1, in the page's own unit."""
        ...

    @property
    def look_scale(self) -> float:
        """The scale for the first look."""
        ...

    @property
    def max_scale(self) -> float:
        """Above it, no detail is gained or too much memory is taken."""
        ...

    def gray(self, scale: float) -> NDArray[np.uint8]:
        """Dark text on light ground, as far as one can tell; shape (H, W), C-contiguous."""
        ...


@dataclass(frozen=True, slots=True)
class PageReading:
    """The believable lines of a page, in the page's own unit, and by how much to turn it to read them."""

    lines: tuple[OcrLine, ...]
    rotation: int


def read_page(source: PageSource, reader: OcrReader) -> PageReading:
    """Read a page; no lines when there is no text to be believed. Raises ItemError."""
    gray = _at_best_scale(source, reader)
    if gray is None:
        return PageReading((), 0)
    seen = _upright(gray, reader)
    factor = source.size[0] / gray.shape[1], source.size[1] / gray.shape[0]
    lines = believable(seen.lines)
    return PageReading(tuple(_line(line, factor) for line in lines), seen.rotation)


def ocr_page(
    number: int,
    size: tuple[float, float],
    unit: str,
    lines: tuple[OcrLine, ...],
    rotation: int = 0,
    source: str = "ocr",
) -> OcrPage:
    """A page that was read, as it is stored."""
    return OcrPage(
        number=number,
        source=source,
        width=size[0],
        height=size[1],
        unit=unit,
        lines=lines,
        rotation=rotation,
        confidence=mean_confidence(lines),
    )


# scale ----------------------------------------------------------------------------------------------------------------


def _at_best_scale(source: PageSource, reader: OcrReader) -> NDArray[np.uint8] | None:
    """The picture at the scale to read it at; None when there is no text on it."""
    scale = source.look_scale
    gray = source.gray(scale)
    look = reader.look(gray)
    if look is not None and look.lines == 0 and gray.size < _SMALL_PIXELS:
        # Print too small for the layout analysis to see, as in a low-resolution screenshot.
        scale = min(2 * scale, source.max_scale)
        gray = source.gray(scale)
        look = reader.look(gray)
    if look is None:
        return gray
    if look.lines == 0 or (look.lines < _FEW_LINES and gray.size > _SMALL_PIXELS and not _any_word(reader.read(gray))):
        return None
    better = better_scale(scale, look, source.max_scale)
    return gray if better == scale else source.gray(better)


def _any_word(seen: Seen) -> bool:
    """Whether there is one word at all that may be one: twigs and gravel now and then look like a line of text.

    Asked before the picture is enlarged and turned, which costs far more than to read a line or two as they are.
    """
    return any(word.confidence >= _LINE_NOISE for line in seen.lines for word in line.words)


def better_scale(scale: float, look: Look, max_scale: float) -> float:
    """The scale at which lines are of the best height; ``scale`` itself when they are near enough."""
    if _LOW_HEIGHT <= look.height <= _HIGH_HEIGHT:
        return scale
    wanted = min(scale * _BEST_HEIGHT / max(look.height, 1.0), max_scale)
    # A few large lines (a title) do not decide over small print that the look cannot count.
    return max(wanted, scale / 2)


def scale_for(size: tuple[float, float], pixels: int) -> float:
    """The scale at which a page of ``size`` has so many pixels."""
    return float((pixels / max(1.0, size[0] * size[1])) ** 0.5)


# orientation ----------------------------------------------------------------------------------------------------------


def _upright(gray: NDArray[np.uint8], reader: OcrReader) -> Seen:
    """Read as it is; when that makes little sense, turned. Text on its side is read by the engine itself."""
    best = reader.read(gray)
    if not best.lines or confidence(best.lines) >= _SURE:
        return best
    for quarter_turns in (2, 1, 3):
        if quarter_turns != 2 and confidence(best.lines) >= _UNREADABLE:
            break
        turned = _turned_back(reader.read(_turned(gray, quarter_turns)), quarter_turns, gray.shape)
        if _worth(turned) > _worth(best):
            best = turned
        if confidence(best.lines) >= _SURE:
            break
    return best


def confidence(lines: Sequence[SeenLine]) -> float:
    """Mean over the characters read, 0 to 100."""
    words = [word for line in lines for word in line.words]
    characters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / characters if characters else 0.0


def _worth(seen: Seen) -> float:
    """Orders readings of one page: characters weighted by how sure they are beyond noise."""
    words = [word for line in seen.lines for word in line.words]
    return sum(max(0.0, word.confidence - _UNREADABLE) * len(word.text) for word in words)


def _turned(gray: NDArray[np.uint8], quarter_turns: int) -> NDArray[np.uint8]:
    """Turned clockwise."""
    return np.ascontiguousarray(np.rot90(gray, -quarter_turns))


def _turned_back(seen: Seen, quarter_turns: int, shape: tuple[int, ...]) -> Seen:
    """What was seen in the turned picture, in coordinates of the picture of ``shape`` (H, W) before it was turned."""
    lines = tuple(
        SeenLine(
            tuple(replace(word, box=box_before_turn(word.box, quarter_turns, shape)) for word in line.words),
            box_before_turn(line.box, quarter_turns, shape),
            line.paragraph,
        )
        for line in seen.lines
    )
    return Seen(lines, (seen.rotation + 90 * quarter_turns) % 360)


def box_before_turn(box: Box, quarter_turns: int, shape: tuple[int, ...]) -> Box:
    """Where a box of the picture turned clockwise lies in the picture before it was turned."""
    left, top, right, bottom = box
    height, width = shape
    if quarter_turns == 1:
        return top, height - right, bottom, height - left
    if quarter_turns == 2:
        return width - right, height - bottom, width - left, height - top
    if quarter_turns == 3:
        return width - bottom, left, width - top, right
    return box


# trust ----------------------------------------------------------------------------------------------------------------


def believable(lines: Sequence[SeenLine]) -> list[SeenLine]:
    """The lines that are text: what texture and clutter look like to the engine is left out.

    A page that reads well is kept whole, doubtful words and all. On one that does not, each line must stand for
    itself, and nothing is left unless some letters or digits are sure.
    """
    kept = [line for line in lines if any(character.isalnum() for word in line.words for character in word.text)]
    if confidence(lines) < _READABLE:
        kept = [line for line in kept if confidence([line]) >= _LINE_NOISE]
    sure = sum(
        sum(character.isalnum() for character in word.text)
        for line in kept
        for word in line.words
        if word.confidence >= _WORD_UNCERTAIN
    )
    characters = sum(len(word.text) for line in lines for word in line.words)
    return kept if sure >= max(_MIN_CHARACTERS, _MIN_SHARE * characters) else []


def _line(line: SeenLine, factor: tuple[float, float]) -> OcrLine:
    words = tuple(_word(word, factor) for word in line.words)
    text = " ".join(word.text for word in words)
    return OcrLine(text=text, words=words, box=_scaled(line.box, factor), paragraph=line.paragraph)


def _word(word: SeenWord, factor: tuple[float, float]) -> OcrWord:
    uncertain = word.confidence < _WORD_UNCERTAIN
    return OcrWord(text=word.text, confidence=word.confidence, box=_scaled(word.box, factor), uncertain=uncertain)


def _scaled(box: Box, factor: tuple[float, float]) -> Box:
    return box[0] * factor[0], box[1] * factor[1], box[2] * factor[0], box[3] * factor[1]
