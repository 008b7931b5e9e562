"""Text in PDFs, page by page: the text layer where it has real text, recognition where the page is a picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillion.engines import pdfium
from pillion.engines.ocr_base import OcrReader
from pillion.errors import ErrorClass, ItemError
from pillion.generators._page import READ_PIXELS, ocr_page, read_page, scale_for
from pillion.generators._pixels import dark_on_light
from pillion.results import OcrLine, OcrPage

_LOOK_SCALE = 150 / pdfium.POINTS_PER_INCH
_MAX_SCALE = 400 / pdfium.POINTS_PER_INCH
_MAX_OCR_PAGES = 500
"""A scan with more pages is read this far, and a note says so."""
_REAL_TEXT_CHARACTERS = 16
_PICTURE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _PdfSource:
    """A page of a PDF; scale 1 is one pixel per point."""

    page: pdfium.Page

    @property
    def size(self) -> tuple[float, float]:
        return self.page.size

    @property
    def look_scale(self) -> float:
        return min(_LOOK_SCALE, scale_for(self.size, READ_PIXELS))

    @property
    def max_scale(self) -> float:
        return max(self.look_scale, min(_MAX_SCALE, scale_for(self.size, READ_PIXELS)))

    def gray(self, scale: float) -> NDArray[np.uint8]:
        return dark_on_light(self.page.render(scale, gray=True))


def read_pdf(path: Path, reader: Callable[[], OcrReader]) -> tuple[list[OcrPage], list[str]]:
    """The pages that can be read, and notes on what was left out. Raises ItemError when there is no page at all."""
    pages: list[OcrPage] = []
    notes: list[str] = []
    recognised = 0
    with pdfium.opened(path) as document:
        for number in range(len(document)):
            try:
                with document.page(number) as page:
                    if recognised >= _MAX_OCR_PAGES and not _is_real_text(page.text()):
                        continue
                    pages.append(_pdf_page(number + 1, page, reader))
                    recognised += pages[-1].source == "ocr"
            except ItemError as error:
                if error.error_class is not ErrorClass.CORRUPT:
                    raise
                notes.append(error.message)
        if not pages:
            raise ItemError(ErrorClass.CORRUPT, "no page of the PDF can be read")
        if len(pages) + len(notes) < len(document):
            notes.append(f"only the first {_MAX_OCR_PAGES} scanned pages were read")
    return pages, notes


def _pdf_page(number: int, page: pdfium.Page, reader: Callable[[], OcrReader]) -> OcrPage:
    text = page.text()
    if _is_real_text(text) and not _is_scan_with_caption(text, page):
        return OcrPage(
            number=number,
            source="text_layer",
            width=page.size[0],
            height=page.size[1],
            unit="point",
            lines=tuple(OcrLine(text=line.rstrip()) for line in text.split("\n") if line.strip()),
        )
    if page.blank():
        return ocr_page(number, page.size, "point", ())
    reading = read_page(_PdfSource(page), reader())
    return ocr_page(number, page.size, "point", reading.lines, reading.rotation)


def _is_scan_with_caption(text: str, page: pdfium.Page) -> bool:
    """Whether a picture fills the page and the text layer is only a stamp on it, such as a page number."""
    return len("".join(text.split())) < 10 * _REAL_TEXT_CHARACTERS and page.image_share() > _PICTURE_SHARE


def _is_real_text(text: str) -> bool:
    """Whether a text layer holds text, not a handful of marks or the rubbish of a broken encoding."""
    characters = [character for character in text if not character.isspace()]
    if len(characters) < _REAL_TEXT_CHARACTERS:
        return False
    bad = sum(
        character == "\ufffd" or unicodedata.category(character) in ("Cc", "Co", "Cn") for character in characters
    )
    return bad <= 0.1 * len(characters)
