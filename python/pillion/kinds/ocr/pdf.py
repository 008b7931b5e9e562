"""Text in PDFs, page by page: the text layer where it is real text, recognition where there are pictures of text.

First all pages are looked at, one after the other: that takes some milliseconds each. Then those that have something to
be recognised are spread over the free cores.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.page import READ_PIXELS, ocr_page, read_page, scale_for
from pillion.kinds.ocr.pixels import dark_on_light
from pillion.kinds.ocr.readers import MAX_THREADS, Readers
from pillion.kinds.ocr.result import OcrLine, OcrPage
from pillion.kinds.ocr.textlayer import MIN_CHARACTERS, around, is_text, is_well_read, lines_of, merged
from pillion.pool import keepalive as pulse
from pillion.pool.threads import spread
from pillion.readers.pdf import document as pdfium
from pillion.readers.pdf.text import Box

_LOOK_SCALE = 165 / pdfium.POINTS_PER_INCH
"""At 150 dpi the layout analysis sees a gap between columns where blanks of close-set print are below each other."""
_MAX_SCALE = 400 / pdfium.POINTS_PER_INCH

MAX_PAGES = 20_000
MAX_OCR_PAGES = 500
"""A scan with more pages is read this far, and a note says so."""
_MAX_WORDS = 100_000
"""In a longer document the lines of later pages have no words with boxes: a sidecar has some 60 bytes for each."""
PAGE_SECONDS = 60.0
"""A page that takes longer to draw and read is left out; it is asked between one step and the next."""
_NOTES = 20

_PICTURE_SHARE = 0.01
"""A smaller picture (of the page) is a mark, and not looked at for text."""
_PICTURE_POINTS = 12.0
_HIDDEN = 0.8
_SAME_PAIRS = 0.6


@dataclass(frozen=True, slots=True)
class _Draft:
    """A page after the first look. ``read``: where to look for text in pixels; empty where there is nothing to do.

    ``doubted``: lines of a text layer that may be rubbish; what is read off the page decides.
    """

    number: int
    size: tuple[float, float]
    lines: tuple[OcrLine, ...]
    read: tuple[Box, ...] = ()
    doubted: tuple[OcrLine, ...] = ()
    rotation: int = 0


def read_pdf(path: Path, readers: Readers) -> tuple[list[OcrPage], list[str]]:
    """The pages that can be read, and notes on what was left out. Raises ItemError when there is no page at all."""
    with pdfium.opened(path) as document:
        notes = _Notes()
        if document.mended:
            notes.add("the PDF is cut short or damaged, so pages may be missing")
        drafts = list(_drafts(document, notes))
        open_ = [draft for draft in drafts if draft.read]
        left_out = {draft.number for draft in open_[MAX_OCR_PAGES:]}
        if left_out:
            notes.add(f"only the first {MAX_OCR_PAGES} pages that are pictures were read")
        recognised = _recognised(document, open_[:MAX_OCR_PAGES], readers, notes)
        pages = []
        for draft in drafts:
            if draft.number in left_out or (draft.read and draft.number not in recognised):
                # What its pictures say is not known; what its own text says is.
                if not draft.lines:
                    continue
                pages.append(_text_page(draft))
            else:
                pages.append(recognised.get(draft.number) or _text_page(draft))
        if not pages or (document.mended and not any(page.lines for page in pages)):
            raise notes.error()
        return pages, notes.texts()


class _Notes:
    """What a reader of the result should know; only the first few of a long list of bad pages."""

    def __init__(self) -> None:
        self._errors: list[ItemError] = []
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        self._texts.append(text)

    def left_out(self, error: ItemError) -> None:
        self._errors.append(error)

    def texts(self) -> list[str]:
        said = [error.message for error in self._errors[:_NOTES]]
        more = len(self._errors) - len(said)
        return [*said, *([f"{more} more pages were left out"] if more else []), *self._texts]

    def error(self) -> ItemError:
        """Why there is no page: the first one's reason where all have the same, and else that it is damaged."""
        classes = {error.error_class for error in self._errors}
        if len(classes) == 1 and (one := classes.pop()) is not ErrorClass.CORRUPT:
            return ItemError(one, f"no page of the PDF can be read: {self._errors[0].message}")
        return ItemError(ErrorClass.CORRUPT, "no page of the PDF can be read")


_OF_A_PAGE = (ErrorClass.CORRUPT, ErrorClass.TIMEOUT, ErrorClass.TOO_LARGE, ErrorClass.UNSUPPORTED)
"""Errors that are one page's own, so that the others can go on."""


# the first look -------------------------------------------------------------------------------------------------------


def _drafts(document: pdfium.Document, notes: _Notes) -> Iterator[_Draft]:
    words = 0
    for number in range(min(len(document), MAX_PAGES)):
        pulse.beat()
        try:
            with document.page(number) as page:
                draft = _draft(number + 1, page)
        except ItemError as error:
            if error.error_class not in _OF_A_PAGE:
                raise
            notes.left_out(error)
            continue
        words += sum(len(line.words) for line in draft.lines)
        yield draft if words <= _MAX_WORDS else _without_words(draft)
    if len(document) > MAX_PAGES:
        notes.add(f"only the first {MAX_PAGES} pages were looked at")


def _draft(number: int, page: pdfium.Page) -> _Draft:
    size = page.size
    if min(size) <= 0:
        raise ItemError(ErrorClass.CORRUPT, f"page {number} of the PDF has no size")
    layer = page.text()
    drawn = page.drawn(layer)
    lines, rotation = lines_of(layer, size)
    whole: Box = (0.0, 0.0, *size)
    if not drawn.pictures and not drawn.lines and not lines:
        return _Draft(number, size, ())
    text = "\n".join(line.text for line in lines)
    if not is_text(text):
        return _Draft(number, size, (), (whole,), lines)
    pictures = tuple(box for box in drawn.pictures if _may_hold_text(box, size))
    if drawn.hidden_text >= _HIDDEN and pictures:
        # Another program has read this scan before: its text is kept if it reads well.
        return _Draft(number, size, lines) if is_well_read(text) else _Draft(number, size, (), (whole,), lines)
    if len("".join(text.split())) < MIN_CHARACTERS and (drawn.lines or pictures):
        return _Draft(number, size, lines, (whole,))
    return _Draft(number, size, lines, pictures, rotation=rotation)


def _may_hold_text(box: Box, size: tuple[float, float]) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    return min(width, height) >= _PICTURE_POINTS and width * height >= _PICTURE_SHARE * size[0] * size[1]


def _without_words(draft: _Draft) -> _Draft:
    """To put what is read off pictures among the lines, their words are needed: such pages keep them."""
    return draft if draft.read else replace(draft, lines=tuple(replace(line, words=()) for line in draft.lines))


def _text_page(draft: _Draft) -> OcrPage:
    source = "text_layer" if draft.lines else "ocr"
    return ocr_page(draft.number, draft.size, "point", draft.lines, draft.rotation, source)


# recognition ----------------------------------------------------------------------------------------------------------


def _recognised(
    document: pdfium.Document, drafts: Sequence[_Draft], readers: Readers, notes: _Notes
) -> dict[int, OcrPage]:
    """Page number -> the page, for those that could be read."""
    pages: dict[int, OcrPage] = {}
    tasks = (partial(_try, document, draft, readers) for draft in drafts)
    for draft, page in zip(drafts, spread(tasks, MAX_THREADS), strict=True):
        pulse.beat()
        if isinstance(page, ItemError):
            notes.left_out(page)
        else:
            pages[draft.number] = page
    return pages


def _try(document: pdfium.Document, draft: _Draft, readers: Readers) -> OcrPage | ItemError:
    try:
        with document.page(draft.number - 1) as page:
            return _recognise(page, draft, readers)
    except ItemError as error:
        if error.error_class not in _OF_A_PAGE:
            raise
        if error.error_class is ErrorClass.TIMEOUT:
            return ItemError(ErrorClass.TIMEOUT, f"page {draft.number} took too long and was left out")
        return error


def _recognise(page: pdfium.Page, draft: _Draft, readers: Readers) -> OcrPage:
    box = around(draft.read)
    hide = tuple(word.box for line in draft.lines for word in line.words)
    source = _PdfSource(page, box, draft.read, hide, time.monotonic() + PAGE_SECONDS)
    reading = read_page(source, readers)
    read = tuple(_moved(line, box[0], box[1]) for line in reading.lines)
    if draft.doubted and _says_the_same(draft.doubted, read):
        return _text_page(replace(draft, lines=draft.doubted, rotation=reading.rotation))
    if not draft.lines:
        return ocr_page(draft.number, draft.size, "point", read, reading.rotation, languages=reading.languages)
    lines = merged(draft.lines, read)
    source_of_lines = "mixed" if len(lines) > len(draft.lines) else "text_layer"
    languages = reading.languages if source_of_lines == "mixed" else ()
    return ocr_page(draft.number, draft.size, "point", lines, draft.rotation, source_of_lines, languages)


def _says_the_same(doubted: Sequence[OcrLine], read: Sequence[OcrLine]) -> bool:
    """Whether a text layer that looked like rubbish has the letters that the page shows after all, two by two."""
    texts = ("".join(line.text for line in lines).replace(" ", "") for lines in (doubted, read))
    layer, seen = (Counter(itertools.pairwise(text)) for text in texts)
    return (layer & seen).total() >= _SAME_PAIRS * max(layer.total(), seen.total(), MIN_CHARACTERS)


def _moved(line: OcrLine, x: float, y: float) -> OcrLine:
    """By so many points to the right and downwards."""

    def moved(box: Box) -> Box:
        return box[0] + x, box[1] + y, box[2] + x, box[3] + y

    words = tuple(replace(word, box=moved(word.box)) for word in line.words)
    return replace(line, words=words, box=None if line.box is None else moved(line.box))


@dataclass(frozen=True, slots=True)
class _PdfSource:
    """A part of a page of a PDF, ``box``; scale 1 is one pixel per point.

    Only what lies in ``seen`` is shown, and the words in ``hidden`` are not. ``until``: when to give up.
    """

    page: pdfium.Page
    box: Box
    seen: tuple[Box, ...]
    hidden: tuple[Box, ...]
    until: float

    @property
    def size(self) -> tuple[float, float]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    @property
    def look_scale(self) -> float:
        return min(_LOOK_SCALE, scale_for(self.size, READ_PIXELS))

    @property
    def max_scale(self) -> float:
        return max(self.look_scale, min(_MAX_SCALE, scale_for(self.size, READ_PIXELS)))

    def gray(self, scale: float) -> NDArray[np.uint8]:
        if time.monotonic() > self.until:
            raise ItemError(ErrorClass.TIMEOUT, "the page takes too long to read")
        gray = dark_on_light(self.page.gray(scale, self.box, until=self.until))
        if self.seen != (self.box,):
            gray = self._only_seen(gray)
        for box in self.hidden:
            rows, columns = self._pixels(box, gray)
            if gray[rows, columns].size:
                gray[rows, columns] = _ground(gray[rows, columns])
        return gray

    def _only_seen(self, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shown = np.full_like(gray, 255)
        for box in self.seen:
            rows, columns = self._pixels(box, gray)
            shown[rows, columns] = gray[rows, columns]
        return shown

    def _pixels(self, box: Box, gray: NDArray[np.uint8]) -> tuple[slice, slice]:
        across, down = gray.shape[1] / self.size[0], gray.shape[0] / self.size[1]
        left, right = (max(0, round((side - self.box[0]) * across)) for side in (box[0], box[2]))
        top, bottom = (max(0, round((side - self.box[1]) * down)) for side in (box[1], box[3]))
        return slice(top, bottom), slice(left, right)


def _ground(pixels: NDArray[np.uint8]) -> int:
    """The paper around a word: what most of the rim of its box is."""
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return int(np.median(rim))
