"""Reading one page: at which scale, which way up, and which words to believe.

The scale matters most. Tesseract reads best, and fastest, where a line of text is 20 to 30 pixels high, whatever the
resolution of the picture. So a page is looked at first at a middling size (a layout analysis, a tenth of the cost of
reading), and read at the size that brings its lines into that range.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillion import _core
from pillion.kinds.ocr.deskew import Sheet, sheet_of
from pillion.kinds.ocr.layout import Box, Layout, Look, OcrReader, Seen, SeenLine, SeenWord
from pillion.kinds.ocr.readers import MAX_THREADS
from pillion.kinds.ocr.result import OcrLine, OcrPage, OcrWord, mean_confidence
from pillion.kinds.ocr.segments import Piece, has_columns, is_in_order, pieces_of
from pillion.pool.threads import spread

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

_UNSPACED = (
    ("\u3000", "\u30ff"),
    ("\u31f0", "\u31ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\uff01", "\uff9f"),
    ("\U00020000", "\U0003ffff"),
)
"""Unicode blocks of Chinese and Japanese."""


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


class Lender(Protocol):
    """Lends readers to threads. ``languages``: those to read with at first. ``choose``: see :class:`Readers`."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Tesseract's codes to begin with, the main one first."""
        ...

    def __call__(self, languages: tuple[str, ...] | None = None) -> AbstractContextManager[OcrReader]:
        """A reader for these languages, or for those to begin with. Raises ItemError."""
        ...

    def others(self, text: str, confidence: float) -> tuple[tuple[str, ...], ...]:
        """Languages in which to try a page again whose first piece was read so; none when they are right."""
        ...


@dataclass(frozen=True, slots=True)
class PageReading:
    """The believable lines of a page, in the page's own unit, how to turn it to read them, and its languages."""

    lines: tuple[OcrLine, ...]
    rotation: int
    languages: tuple[str, ...] = ()


def read_page(source: PageSource, readers: Lender) -> PageReading:
    """Read a page; no lines when there is no text to be believed. Raises ItemError.

    Large pages are cut into pieces, which are read on as many cores as are free.
    """
    page = _at_best_scale(source, readers)
    if page is None:
        return PageReading((), 0)
    read = _upright(page, readers)
    height, width = read.sheet.shape
    factor = source.size[0] / width, source.size[1] / height
    lines = believable([_on_picture(line, read.sheet) for seen in read.seen for line in seen.lines])
    languages = read.languages if lines else ()
    return PageReading(tuple(_line(line, factor) for line in lines), read.rotation, languages)


def ocr_page(
    number: int,
    size: tuple[float, float],
    unit: str,
    lines: tuple[OcrLine, ...],
    rotation: int = 0,
    source: str = "ocr",
    languages: tuple[str, ...] = (),
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
        languages=languages,
        confidence=mean_confidence(lines),
    )


# scale ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    """A sheet at the scale to read it at. ``lines``: of text in reading order; none where that is not known.

    ``layout``: what to tell the engine about them.
    """

    sheet: Sheet
    lines: tuple[Box, ...]
    layout: Layout = Layout.PAGE

    def pieces(self) -> list[Piece]:
        return pieces_of(self.lines, self.sheet.gray.shape, self.layout)


def _at_best_scale(source: PageSource, readers: Lender) -> _Page | None:
    """The page at the scale to read it at; None when there is no text on it."""
    scale = source.look_scale
    gray = source.gray(scale)
    found = _core.look(gray)
    sheet = sheet_of(gray, found)
    look = _layout(sheet, readers)
    if look is not None and look.lines == 0 and gray.size < _SMALL_PIXELS:
        # Print too small for the layout analysis to see, as in a low-resolution screenshot.
        scale = min(2 * scale, source.max_scale)
        gray = source.gray(scale)
        sheet = sheet_of(gray, found)
        look = _layout(sheet, readers)
    if look is None:
        return _Page(sheet, ())
    if look.lines == 0 or (look.lines < _FEW_LINES and gray.size > _SMALL_PIXELS and not _any_word(sheet, readers)):
        return None
    page = _laid_out(sheet, look, readers)
    better = better_scale(scale, look, source.max_scale)
    if better == scale:
        return page
    large = sheet_of(source.gray(better), found)
    across, down = (large.gray.shape[axis] / sheet.gray.shape[axis] for axis in (1, 0))
    return replace(page, sheet=large, lines=tuple(_scaled(box, (across, down)) for box in page.lines))


def _laid_out(sheet: Sheet, look: Look, readers: Lender) -> _Page:
    """The page with its lines in reading order.

    Where it only seems to have columns, it is looked at again as one column, and where even that falls apart, as one
    block: so the rows of tables stay together.
    """
    if is_in_order(look.boxes) or has_columns(look.boxes):
        return _Page(sheet, look.boxes)
    for layout in (Layout.COLUMN, Layout.BLOCK):
        again = _layout(sheet, readers, layout)
        if again is not None and is_in_order(again.boxes):
            return _Page(sheet, again.boxes, layout)
    return _Page(sheet, look.boxes)


def _layout(sheet: Sheet, readers: Lender, layout: Layout = Layout.PAGE) -> Look | None:
    with readers() as reader:
        return reader.look(sheet.gray, layout=layout)


def _any_word(sheet: Sheet, readers: Lender) -> bool:
    """Whether there is one word at all that may be one: twigs and gravel now and then look like a line of text.

    Asked before the picture is enlarged and turned, which costs far more than to read a line or two as they are.
    """
    with readers() as reader:
        seen = reader.read(sheet.gray)
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


# orientation and language ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    sheet: Sheet
    seen: tuple[Seen, ...]
    languages: tuple[str, ...]

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which to turn the picture to read it: what most pieces say."""
        most = max(self.seen, key=_worth).rotation if self.seen else 0
        return (90 * self.sheet.all_turns + most) % 360


def _upright(page: _Page, readers: Lender) -> _Read:
    """Read in the first language, as it is; what the first piece says decides whether that is right.

    It is tried in other languages, and when it makes little sense even then, the other ways up.
    """
    sheet, pieces = page.sheet, page.pieces()
    with closing(_pieces_read(sheet, pieces, readers, readers.languages)) as reading:
        first = next(reading)
        languages, first = _better_languages(pieces[0], sheet, first, readers)
        turns, turned = _better_turns(pieces[0], sheet, first, readers)
        if turns == 0 and languages == readers.languages:
            return _Read(sheet, (first, *reading), languages)
    if turns:
        sheet, pieces, first = _turned(page, turns, turned, readers)
        languages, first = _better_languages(pieces[0], sheet, first, readers)
    with closing(_pieces_read(sheet, pieces[1:], readers, languages)) as reading:
        return _Read(sheet, (first, *reading), languages)


def _turned(page: _Page, turns: int, turned: Seen, readers: Lender) -> tuple[Sheet, list[Piece], Seen]:
    """The page another way up, its pieces, and what the first of them says. ``turned``: the first piece until now."""
    sheet = page.sheet.turned(turns)
    look = _layout(sheet, readers) if page.lines else None
    pieces = _laid_out(sheet, look, readers).pieces() if look else pieces_of((), sheet.gray.shape)
    if pieces[0].whole and page.pieces()[0].whole:
        return sheet, pieces, turned
    return sheet, pieces, _piece_read(pieces[0], sheet, readers, readers.languages)


def _pieces_read(
    sheet: Sheet, pieces: Sequence[Piece], readers: Lender, languages: tuple[str, ...]
) -> Generator[Seen, None, None]:
    """What stands in each piece, in order. Closing it starts no more of them."""
    yield from spread((partial(_piece_read, piece, sheet, readers, languages) for piece in pieces), MAX_THREADS)


def _piece_read(piece: Piece, sheet: Sheet, readers: Lender, languages: tuple[str, ...]) -> Seen:
    with readers(languages) as reader:
        return piece.placed(reader.read(piece.cut(sheet.gray), layout=piece.layout))


def _better_turns(piece: Piece, sheet: Sheet, first: Seen, readers: Lender) -> tuple[int, Seen]:
    """By how many quarters to turn a page clockwise whose first piece was read so, and how the piece reads then.

    The engine itself sees text on its side.
    """
    best, turns = first, 0
    if not first.lines or confidence(first.lines) >= _SURE:
        return 0, first
    gray = piece.cut(sheet.gray)
    for quarter_turns in (2, 1, 3):
        if quarter_turns != 2 and confidence(best.lines) >= _UNREADABLE:
            break
        with readers() as reader:
            turned = reader.read(np.ascontiguousarray(np.rot90(gray, -quarter_turns)), layout=piece.layout)
        if _worth(turned) > _worth(best):
            best, turns = turned, quarter_turns
        if confidence(best.lines) >= _SURE:
            break
    return turns, best


def _better_languages(piece: Piece, sheet: Sheet, first: Seen, readers: Lender) -> tuple[tuple[str, ...], Seen]:
    """The languages in which the first piece makes most sense, and how it reads in them."""
    text = "\n".join(" ".join(word.text for word in line.words) for line in first.lines)
    best, languages = first, readers.languages
    for others in readers.others(text, confidence(first.lines)):
        seen = _piece_read(piece, sheet, readers, others)
        if _worth(seen) > _worth(best):
            best, languages = seen, others
    return languages, best


def confidence(lines: Sequence[SeenLine]) -> float:
    """Mean over the characters read, 0 to 100."""
    words = [word for line in lines for word in line.words]
    characters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / characters if characters else 0.0


def _worth(seen: Seen) -> float:
    """Orders readings of one page: characters weighted by how sure they are beyond noise."""
    words = [word for line in seen.lines for word in line.words]
    return sum(max(0.0, word.confidence - _UNREADABLE) * len(word.text) for word in words)


def _on_picture(line: SeenLine, sheet: Sheet) -> SeenLine:
    """A line of the sheet where it lies in the picture."""
    words = tuple(replace(word, box=sheet.before(word.box)) for word in line.words)
    return SeenLine(words, sheet.before(line.box), line.paragraph)


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
    text = _joined([word.text for word in words])
    return OcrLine(text=text, words=words, box=_scaled(line.box, factor), paragraph=line.paragraph)


def _joined(words: Sequence[str]) -> str:
    """Words parted by spaces, but for scripts that are written without them."""
    text = ""
    for word in words:
        closed = text and word and _is_unspaced(text[-1]) and _is_unspaced(word[0])
        text += word if closed or not text else f" {word}"
    return text


def _is_unspaced(character: str) -> bool:
    """Whether it is Chinese or Japanese: ideographs, kana, their punctuation, and full-width forms. Not Korean."""
    return any(first <= character <= last for first, last in _UNSPACED)


def _word(word: SeenWord, factor: tuple[float, float]) -> OcrWord:
    uncertain = word.confidence < _WORD_UNCERTAIN
    return OcrWord(text=word.text, confidence=word.confidence, box=_scaled(word.box, factor), uncertain=uncertain)


def _scaled(box: Box, factor: tuple[float, float]) -> Box:
    return box[0] * factor[0], box[1] * factor[1], box[2] * factor[0], box[3] * factor[1]
