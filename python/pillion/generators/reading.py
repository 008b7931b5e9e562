"""Text in images and PDFs: Tesseract for pictures, a PDF's own text where it has real text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillion.engines import pdfium, tesseract_api, tesseract_cli
from pillion.engines.ocr_base import OcrEngine
from pillion.errors import ErrorClass, ItemError
from pillion.generators._page import LOOK_PIXELS, MAX_UPSCALE, READ_PIXELS, ocr_page, read_page, scale_for
from pillion.generators._pdf import read_pdf
from pillion.generators._pixels import dark_on_light, enlarged, gray_of
from pillion.generators._readers import Readers
from pillion.generators.pictures import Picture, opened
from pillion.results import OcrPage, OcrResult


def read(path: Path, *, is_pdf: bool, languages: Sequence[str], tessdata: str | None = None) -> OcrResult:
    """The text of a file; pages without lines where there is none. Raises ItemError."""
    # A PDF with real text on all pages needs no Tesseract: it is looked for and loaded when the first picture comes.
    readers = Readers(ocr_engine, languages, tessdata)
    pages, notes = read_pdf(path, readers) if is_pdf else ([_image_page(path, readers)], [])
    return OcrResult(
        engine=readers.engine.NAME if readers.lent else pdfium.NAME,
        engine_version=readers.engine.version() if readers.lent else pdfium.version(),
        languages=_languages(pages) or readers.languages,
        pages=tuple(pages),
        notes=tuple(notes),
    )


def _languages(pages: Sequence[OcrPage]) -> tuple[str, ...]:
    """Those of all pages, in the order in which they come."""
    return tuple(dict.fromkeys(language for page in pages for language in page.languages))


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
        return min(1.0, scale_for(self.size, LOOK_PIXELS))

    @property
    def max_scale(self) -> float:
        return max(self.look_scale, min(MAX_UPSCALE, scale_for(self.size, READ_PIXELS)))

    def gray(self, scale: float) -> NDArray[np.uint8]:
        max_side = max(1, round(max(self.size) * scale)) if scale < 1 else None
        gray = dark_on_light(gray_of(self.picture.pixels(max_side)))
        if scale <= 1:
            return gray
        return enlarged(gray, round(self.picture.width * scale), round(self.picture.height * scale))


def _image_page(path: Path, readers: Readers) -> OcrPage:
    picture = opened(path)
    reading = read_page(_ImageSource(picture), readers)
    size = (picture.width, picture.height)
    return ocr_page(1, size, "pixel", reading.lines, reading.rotation, languages=reading.languages)
