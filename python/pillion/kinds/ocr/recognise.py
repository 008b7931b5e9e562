"""Text in images and PDFs: a PDF's own text where that is real, Tesseract for paper, PP-OCR for photographs.

Tesseract knows pages, lines below lines on an even ground, and there it is the better reader. PP-OCR finds text
anywhere in a picture. Which of them reads an image is decided by a look at it; where Tesseract makes little sense of
something like a page, PP-OCR has its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import ppocr as rapid
from pillion.kinds.ocr import ppocr_models as photographs
from pillion.kinds.ocr import tesseract as tesseract_api
from pillion.kinds.ocr import tesseract_program as tesseract_cli
from pillion.kinds.ocr.language_table import AUTO
from pillion.kinds.ocr.layout import OcrEngine
from pillion.kinds.ocr.page import LOOK_PIXELS, MAX_UPSCALE, READ_PIXELS, ocr_page, read_page, scale_for
from pillion.kinds.ocr.pdf import read_pdf
from pillion.kinds.ocr.photograph import read_photo
from pillion.kinds.ocr.pixels import dark_on_light, enlarged, gray_of
from pillion.kinds.ocr.readers import Readers
from pillion.kinds.ocr.result import OcrPage, OcrResult
from pillion.readers.images.decode import Picture, opened
from pillion.readers.pdf import document as pdfium

_ROUTED_SIDE = 1600
_UNSURE = 70.0
"""Mean confidence below which a page may be a photograph that was taken for one."""


def read(
    path: Path, *, is_pdf: bool, languages: Sequence[str], tessdata: str | None = None, engine: str = AUTO
) -> OcrResult:
    """The text of a file; pages without lines where there is none. Raises ItemError.

    ``engine``: which reads images, ``tesseract`` or ``rapidocr``; ``auto``: the one that suits the image.
    """
    # A PDF with real text on all pages needs no Tesseract: it is looked for and loaded when the first picture comes.
    readers = Readers(ocr_engine, languages, tessdata)
    if not is_pdf:
        return _image(opened(path), readers, engine)
    pages, notes = read_pdf(path, readers)
    used = readers.engine if readers.lent else pdfium
    return OcrResult(
        engine=used.NAME,
        engine_version=used.version(),
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


def _image(picture: Picture, readers: Readers, engine: str) -> OcrResult:
    # Where the extra is there in part, photographs wait for the rest of it: the recipe says that it reads them.
    has_photo = engine == rapid.NAME or (engine == AUTO and photographs.installed())
    if has_photo and (engine == rapid.NAME or not _is_paper(picture)):
        return _photo(picture)
    page = _paper(picture, readers)
    if has_photo and (page.confidence or 0.0) < _UNSURE:
        photo = _photo(picture)
        if _worth(photo.pages[0]) > _worth(page):
            return photo
    languages = page.languages or readers.languages
    used = readers.engine
    return OcrResult(engine=used.NAME, engine_version=used.version(), languages=languages, pages=(page,))


def _is_paper(picture: Picture) -> bool:
    return _core.look(gray_of(picture.pixels(_ROUTED_SIDE))).is_paper


def _paper(picture: Picture, readers: Readers) -> OcrPage:
    reading = read_page(_ImageSource(picture), readers)
    size = (picture.width, picture.height)
    return ocr_page(1, size, "pixel", reading.lines, reading.rotation, languages=reading.languages)


def _photo(picture: Picture) -> OcrResult:
    """Read as a photograph; PP-OCR does not say in which language."""
    reading = read_photo(picture, rapid.reader())
    page = ocr_page(1, (picture.width, picture.height), "pixel", reading.lines, reading.rotation)
    return OcrResult(engine=rapid.NAME, engine_version=rapid.version(), languages=(), pages=(page,))


def _worth(page: OcrPage) -> float:
    """Orders two readings of one picture: characters, weighted by how sure they are beyond noise."""
    words = [word for line in page.lines for word in line.words]
    return sum(max(0.0, (word.confidence or 0.0) - _UNSURE) * len(word.text) for word in words)
