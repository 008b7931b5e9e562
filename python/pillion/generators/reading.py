"""Text in images and PDFs: Tesseract for pictures, a PDF's own text where it has real text."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillion.engines import pdfium, tesseract_api, tesseract_cli
from pillion.engines.ocr_base import OcrEngine, OcrReader
from pillion.errors import ErrorClass, ItemError
from pillion.generators._page import LOOK_PIXELS, MAX_UPSCALE, READ_PIXELS, read_page
from pillion.generators._pixels import dark_on_light, enlarged, gray_of
from pillion.generators.pictures import Picture, opened
from pillion.results import OcrLine, OcrPage, OcrResult

_PDF_LOOK_SCALE = 150 / pdfium.POINTS_PER_INCH
_PDF_MAX_SCALE = 400 / pdfium.POINTS_PER_INCH
_MAX_OCR_PAGES = 500
"""A scan with more pages is read this far, and a note says so."""
_REAL_TEXT_CHARACTERS = 16
_PICTURE_SHARE = 0.5


def read(path: Path, *, is_pdf: bool, languages: Sequence[str], tessdata: str | None = None) -> OcrResult:
    """The text of a file; pages without lines where there is none. Raises ItemError."""
    engine = ocr_engine()
    # A PDF with real text on all pages needs no Tesseract, so it is loaded when the first picture comes.
    reader = functools.cache(lambda: engine.reader(tuple(languages), tessdata))
    pages, notes = _pdf_pages(path, reader) if is_pdf else ([_image_page(path, reader())], [])
    used = any(page.source == "ocr" for page in pages)
    return OcrResult(
        engine=engine.NAME if used else pdfium.NAME,
        engine_version=engine.version() if used else pdfium.version(),
        languages=tuple(languages),
        pages=tuple(pages),
        notes=tuple(notes),
    )


def ocr_engine() -> OcrEngine:
    """Tesseract in this process, else the program. Raises ItemError (missing_tool) when neither is there."""
    problem = tesseract_api.missing()
    if problem is None:
        return tesseract_api
    if tesseract_cli.missing() is None:
        return tesseract_cli
    raise ItemError(ErrorClass.MISSING_TOOL, problem)


# images ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ImageSource:
    """An image file, decoded again for each scale: JPEG decodes at a reduced size far faster than in full."""

    picture: Picture

    @property
    def size(self) -> tuple[float, float]:
        return float(self.picture.width), float(self.picture.height)

    @property
    def look_scale(self) -> float:
        return min(1.0, _scale_for(self.size, LOOK_PIXELS))

    @property
    def max_scale(self) -> float:
        return max(self.look_scale, min(MAX_UPSCALE, _scale_for(self.size, READ_PIXELS)))

    def gray(self, scale: float) -> NDArray[np.uint8]:
        max_side = max(1, round(max(self.size) * scale)) if scale < 1 else None
        gray = dark_on_light(gray_of(self.picture.pixels(max_side)))
        if scale <= 1:
            return gray
        return enlarged(gray, round(self.picture.width * scale), round(self.picture.height * scale))


def _scale_for(size: tuple[float, float], pixels: int) -> float:
    return float((pixels / max(1.0, size[0] * size[1])) ** 0.5)


def _image_page(path: Path, reader: OcrReader) -> OcrPage:
    picture = opened(path)
    reading = read_page(_ImageSource(picture), reader)
    return _page(1, (picture.width, picture.height), "pixel", reading.lines, reading.rotation)


def _page(number: int, size: tuple[float, float], unit: str, lines: tuple[OcrLine, ...], rotation: int) -> OcrPage:
    found = [word.confidence for line in lines for word in line.words]
    return OcrPage(
        number=number,
        source="ocr",
        width=size[0],
        height=size[1],
        unit=unit,
        lines=lines,
        rotation=rotation,
        confidence=sum(found) / len(found) if found else None,
    )


# PDFs -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _PdfSource:
    """A page of a PDF; scale 1 is one pixel per point."""

    page: pdfium.Page

    @property
    def size(self) -> tuple[float, float]:
        return self.page.size

    @property
    def look_scale(self) -> float:
        return min(_PDF_LOOK_SCALE, _scale_for(self.size, READ_PIXELS))

    @property
    def max_scale(self) -> float:
        return max(self.look_scale, min(_PDF_MAX_SCALE, _scale_for(self.size, READ_PIXELS)))

    def gray(self, scale: float) -> NDArray[np.uint8]:
        return dark_on_light(self.page.render(scale, gray=True))


def _pdf_pages(path: Path, reader: Callable[[], OcrReader]) -> tuple[list[OcrPage], list[str]]:
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
        return _page(number, page.size, "point", (), 0)
    reading = read_page(_PdfSource(page), reader())
    return _page(number, page.size, "point", reading.lines, reading.rotation)


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
