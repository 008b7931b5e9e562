"""The steps of recognising a PDF, page by page; their order is in recognise.py.

A page's text layer is taken where it is real text; what is drawn or pictured beside it is recognised, and put in its
place among the lines of the layer.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.blocks import ocr_page
from pillion.kinds.ocr.layout import Boxes, Gray, as_rules, for_print
from pillion.kinds.ocr.page import MAX_PIXELS, RecognisedPage, scale_for
from pillion.kinds.ocr.result import Notes, OcrLine, OcrPage
from pillion.kinds.ocr.textlayer import (
    MIN_CHARACTERS,
    around,
    closed_up,
    is_text,
    is_well_read,
    lines_of,
    merged_lines,
    new_lines,
    remark_lines,
    with_lines,
)
from pillion.pool import keepalive
from pillion.readers.pdf import document as pdfium
from pillion.readers.pdf.annotations import Xfa, is_placeholder
from pillion.readers.pdf.text import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

MAX_PAGES = 20_000
MAX_OCR_PAGES = 500
"""Of a scan with more pages only the first are recognised, and a note says so."""
_MAX_WORDS = 100_000
"""In a longer document the lines of later pages have no words with boxes: a sidecar has some 60 bytes for each."""

_OF_A_PAGE = (ErrorClass.CORRUPT, ErrorClass.TIMEOUT, ErrorClass.TOO_LARGE, ErrorClass.UNSUPPORTED)
"""Errors that are one page's own, so that the others can go on."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A page after inspection. ``regions``: where to look for text in pixels; none where there is nothing to recognise.

    ``doubted``: lines of a text layer that may be rubbish; what is recognised on the page decides. ``has_fields``:
    whether fields of a form are on it. ``is_picture``: it is a picture and nothing else, as a scan or a photograph.
    """

    number: int
    size: tuple[float, float]
    lines: tuple[OcrLine, ...]
    regions: tuple[Box, ...] = ()
    doubted: tuple[OcrLine, ...] = ()
    rotation: int = 0
    has_fields: bool = False
    is_picture: bool = False


# inspection -----------------------------------------------------------------------------------------------------------

_PICTURE_SHARE = 0.01
"""A picture smaller than this share of the page is a mark, and not searched for text."""
_PICTURE_POINTS = 12.0
_HIDDEN = 0.8
_WHOLE = 0.9
"""A page of which a picture has this share is that picture."""


def inspected(document: pdfium.Document, notes: Notes) -> list[Draft]:
    """The text layers of all pages, and what there is to recognise. Raises ItemError."""
    if document.repaired:
        notes.missing("the PDF is cut short or damaged, so pages may be missing")
    drafts = list(_drafts(document, notes))
    return drafts if document.xfa is Xfa.NONE else _with_xfa(document, drafts, notes)


def _drafts(document: pdfium.Document, notes: Notes) -> Iterator[Draft]:
    words = 0
    for number in range(min(len(document), MAX_PAGES)):
        keepalive.beat()
        try:
            draft = _annotated_draft(document, number)
        except ItemError as error:
            if error.error_class not in _OF_A_PAGE:
                raise
            notes.left_out(error)
            continue
        words += sum(len(line.words) for line in draft.lines)
        yield draft if words <= _MAX_WORDS else _without_words(draft)
    if len(document) > MAX_PAGES:
        notes.missing(f"only the first {MAX_PAGES} pages were looked at")


def _annotated_draft(document: pdfium.Document, index: int) -> Draft:
    """A page with what was typed onto it among its lines."""
    with document.page(index) as page:
        draft = _draft(index + 1, page)
        found = page.annotations()
        if not found.shown:
            return draft
        before = lines_of(page.text(), draft.size)[0] if page.flatten() else None
    typed: list[OcrLine] = []
    if before is not None:
        with document.page(index) as flat:
            typed += closed_up(new_lines(before, lines_of(flat.text(), draft.size)[0]), found.combs)
    known = "".join(line.text for line in (*(draft.lines or draft.doubted), *typed))
    typed += remark_lines(found.remarks, known)
    return replace(draft, lines=with_lines(draft.lines, typed), has_fields=found.fields)


def _with_xfa(document: pdfium.Document, drafts: list[Draft], notes: Notes) -> list[Draft]:
    """The pages without those that say only that another program is needed; the values of the form are on the first."""
    replaced = document.xfa is Xfa.REPLACES
    held = (is_placeholder(_text_of(draft)) and (replaced or not draft.has_fields) for draft in drafts)
    if not drafts or not all(held):
        return drafts
    values = document.xfa_values()
    found = "only the values of its fields are here" if values else "nothing of it could be read"
    notes.missing(f"the PDF is an XFA form, which only Adobe's programs show: {found}")
    lines = tuple(OcrLine(text=f"{name}: {value}") for name, value in values)
    blank = [Draft(draft.number, draft.size, ()) for draft in drafts]
    return [replace(blank[0], lines=lines), *blank[1:]]


def _text_of(draft: Draft) -> str:
    return "\n".join(line.text for line in draft.lines or draft.doubted)


def _draft(number: int, page: pdfium.Page) -> Draft:
    size = page.size
    if min(size) <= 0:
        raise ItemError(ErrorClass.CORRUPT, f"page {number} of the PDF has no size")
    layer = page.text()
    drawn = page.drawn(layer)
    lines, rotation = lines_of(layer, size)
    whole: Box = (0.0, 0.0, *size)
    if not drawn.pictures and not drawn.lines and not lines:
        return Draft(number, size, ())
    text = "\n".join(line.text for line in lines)
    if not is_text(text):
        is_picture = not lines and not drawn.lines and any(_fills(box, size) for box in drawn.pictures)
        return Draft(number, size, (), (whole,), lines, is_picture=is_picture)
    pictures = tuple(box for box in drawn.pictures if _may_hold_text(box, size))
    if drawn.hidden_text >= _HIDDEN and pictures:
        # Another program has recognised this scan before: its text is kept if it reads well.
        return Draft(number, size, lines) if is_well_read(text) else Draft(number, size, (), (whole,), lines)
    if len("".join(text.split())) < MIN_CHARACTERS and (drawn.lines or pictures):
        return Draft(number, size, lines, (whole,))
    return Draft(number, size, lines, pictures, rotation=rotation)


def _may_hold_text(box: Box, size: tuple[float, float]) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    return min(width, height) >= _PICTURE_POINTS and width * height >= _PICTURE_SHARE * size[0] * size[1]


def _fills(box: Box, size: tuple[float, float]) -> bool:
    width = min(box[2], size[0]) - max(box[0], 0.0)
    height = min(box[3], size[1]) - max(box[1], 0.0)
    return min(width, height) > 0 and width * height >= _WHOLE * size[0] * size[1]


def _without_words(draft: Draft) -> Draft:
    """Pages with something to recognise keep their words: recognised lines are put among them by these."""
    return draft if draft.regions else replace(draft, lines=tuple(replace(line, words=()) for line in draft.lines))


def to_recognise(drafts: Sequence[Draft], notes: Notes) -> list[Draft]:
    """The pages with something to recognise, as far as the limit on their number allows."""
    wanted = [draft for draft in drafts if draft.regions]
    if len(wanted) > MAX_OCR_PAGES:
        notes.missing(f"only the first {MAX_OCR_PAGES} pages that are pictures were read")
    return wanted[:MAX_OCR_PAGES]


# a page to recognise --------------------------------------------------------------------------------------------------

PAGE_SECONDS = 60.0
"""A page that takes longer to draw and recognise is left out; the clock is read between one step and the next."""
_FIRST_SCALE = 165 / pdfium.POINTS_PER_INCH
"""At 150 dpi the layout analysis sees a gap between columns where blanks of close-set print are below each other."""
_MAX_SCALE = 400 / pdfium.POINTS_PER_INCH


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PdfPageSource:
    """A part of a page of a PDF; its unit is the point, and scale 1 is one pixel per point.

    ``box``: that part. Only ``regions`` are shown, and the words in ``hidden`` are not. ``until``: when to give up, in
    seconds of the monotonic clock.
    """

    page: pdfium.Page
    box: Box
    regions: Boxes
    hidden: Boxes
    until: float
    size: tuple[float, float]
    origin: tuple[float, float]
    first_scale: float
    max_scale: float

    @classmethod
    def of(cls, page: pdfium.Page, draft: Draft) -> PdfPageSource:
        """What there is to recognise on a page, to be drawn and recognised within :data:`PAGE_SECONDS` from now."""
        box = around(draft.regions)
        size = box[2] - box[0], box[3] - box[1]
        first = min(_FIRST_SCALE, scale_for(size, MAX_PIXELS))
        return cls(
            page=page,
            box=box,
            regions=np.array(draft.regions, np.float64),
            hidden=np.array([word.box for line in draft.lines for word in line.words], np.float64).reshape(-1, 4),
            until=time.monotonic() + PAGE_SECONDS,
            size=size,
            origin=box[:2],
            first_scale=first,
            max_scale=max(first, min(_MAX_SCALE, scale_for(size, MAX_PIXELS))),
        )

    def gray(self, scale: float) -> Gray:
        """See :class:`PageSource`. Raises ItemError (timeout, corrupt)."""
        _in_time(self.until)
        gray = for_print(self.page.gray(scale, self.box, until=self.until))
        if self.regions.tolist() != [[*self.box]]:
            gray = self._regions_of(gray)
        for rows, columns in self._slices(self.hidden, gray):
            if gray[rows, columns].size:
                gray[rows, columns] = _background(gray[rows, columns])
        return as_rules(gray)

    def _regions_of(self, gray: Gray) -> Gray:
        shown = np.full_like(gray, 255)
        for rows, columns in self._slices(self.regions, gray):
            shown[rows, columns] = gray[rows, columns]
        return shown

    def _slices(self, boxes: Boxes, gray: Gray) -> list[tuple[slice, slice]]:
        """Rows and columns of boxes of the page in a picture of this part of it."""
        across, down = gray.shape[1] / self.size[0], gray.shape[0] / self.size[1]
        pixels = np.rint((boxes - [*self.origin, *self.origin]) * [across, down, across, down])
        sides = np.maximum(pixels, 0).astype(int).tolist()
        return [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in sides]


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise ItemError(ErrorClass.TIMEOUT, "the page takes too long to read")


@dataclass(frozen=True, slots=True, eq=False)
class PagePicture:
    """A page of a PDF that is a picture, as one in a file (:class:`pillion.kinds.ocr.page.PictureSource`).

    ``scale``: pixels to a point. ``until``: see :class:`PdfPageSource`.
    """

    page: pdfium.Page
    size: tuple[float, float]
    scale: float
    until: float

    @classmethod
    def of(cls, page: pdfium.Page, draft: Draft) -> PagePicture | None:
        """The page, if it is a picture and none of what is known of it is text."""
        if not draft.is_picture or draft.lines:
            return None
        scale = min(_MAX_SCALE, scale_for(draft.size, MAX_PIXELS))
        return cls(page, draft.size, scale, time.monotonic() + PAGE_SECONDS)

    @property
    def width(self) -> int:
        """In pixels."""
        return max(1, round(self.size[0] * self.scale))

    @property
    def height(self) -> int:
        """In pixels."""
        return max(1, round(self.size[1] * self.scale))

    def pixels(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """Gray, in three channels. Raises ItemError (timeout, corrupt)."""
        scale = self.scale if max_side is None else min(self.scale, max_side / max(self.size))
        return np.ascontiguousarray(in_colours(self.gray(scale)))

    def gray(self, scale: float) -> Gray:
        """``scale``: pixels to a point. Light print on dark stays so. Raises ItemError (timeout, corrupt)."""
        _in_time(self.until)
        return self.page.gray(scale, until=self.until)

    def boxes_in_picture(self, boxes: Boxes) -> Boxes:
        """From pixels to points."""
        return boxes / self.scale


def in_colours(gray: Gray) -> NDArray[np.uint8]:
    """Gray pixels as those of three colours, shape (H, W, 3), read-only."""
    return np.broadcast_to(gray[:, :, None], (*gray.shape, 3))


def _background(pixels: Gray) -> int:
    """The paper around a word: what most of the rim of its box is."""
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return int(np.median(rim))


# the document ---------------------------------------------------------------------------------------------------------

_SAME_PAIRS = 0.6


def merged(draft: Draft, found: RecognisedPage) -> OcrPage:
    """A page with what was recognised on it, nothing twice."""
    if draft.doubted and _say_the_same(draft.doubted, found.lines):
        # Lines that are not doubted were typed onto the page.
        return _text_page(replace(draft, lines=with_lines(draft.doubted, draft.lines), rotation=found.rotation))
    if not draft.lines:
        return ocr_page(
            draft.number,
            draft.size,
            "point",
            found.lines,
            found.rotation,
            languages=found.languages,
            figures=found.figures,
            skew=found.skew,
            down=found.down,
        )
    lines = merged_lines(draft.lines, found.lines)
    if len(lines) == len(draft.lines):
        return ocr_page(draft.number, draft.size, "point", lines, draft.rotation, "text_layer")
    return ocr_page(draft.number, draft.size, "point", lines, draft.rotation, "mixed", found.languages)


def _say_the_same(doubted: Sequence[OcrLine], found: Sequence[OcrLine]) -> bool:
    """Whether a text layer that looked like rubbish has the letters that the page shows after all, two by two."""
    texts = ("".join(line.text for line in lines).replace(" ", "") for lines in (doubted, found))
    layer, seen = (Counter(itertools.pairwise(text)) for text in texts)
    return (layer & seen).total() >= _SAME_PAIRS * max(layer.total(), seen.total(), MIN_CHARACTERS)


def _text_page(draft: Draft) -> OcrPage:
    source = "text_layer" if draft.lines else "ocr"
    return ocr_page(draft.number, draft.size, "point", draft.lines, draft.rotation, source)


def left_out(draft: Draft, error: ItemError) -> ItemError:
    """Why the page is left out. Raises ``error`` where it is not the page's own."""
    if error.error_class not in _OF_A_PAGE:
        raise error
    if error.error_class is ErrorClass.TIMEOUT:
        return ItemError(ErrorClass.TIMEOUT, f"page {draft.number} took too long and was left out")
    return error


def of_page(number: int, error: ItemError) -> ItemError:
    """The error of a page that is left out. Raises ``error`` where it is not the page's own."""
    if error.error_class not in _OF_A_PAGE:
        raise error
    return ItemError(error.error_class, f"page {number} was left out: {error.message}")


def assembled(
    document: pdfium.Document, drafts: Sequence[Draft], recognised: Mapping[int, OcrPage], notes: Notes
) -> list[OcrPage]:
    """All pages that can be read, in order. ``recognised``: by page number. Raises ItemError when there is none."""
    pages = []
    for draft in drafts:
        if draft.number in recognised:
            pages.append(recognised[draft.number])
        elif draft.lines or not draft.regions:
            pages.append(_text_page(draft))
        # Else nothing is known of it: what its pictures say was not recognised, and it has no text of its own.
    if not pages or (document.repaired and not any(page.lines for page in pages)):
        raise notes.error()
    return pages
