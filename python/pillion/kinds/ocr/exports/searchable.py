"""Searchable PDFs: a page's picture, or the PDF that it came from, with invisible text over it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.exports.pages import words
from pillion.kinds.ocr.result import Direction, OcrPage, OcrResult
from pillion.readers.pdf import layer as pdfium_layer
from pillion.readers.pdf.layer import Placed
from pillion.readers.source import open_regular

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112
_QUALITY = 92
_DPI = 300
_SCREEN_DPI = 150
_SCAN_SIDE = 2000
_DPI_RANGE = (50, 1200)
_COLUMN = 270
"""The degrees by which to turn a column of text clockwise to have it as a line."""


def searchable_pdf(result: OcrResult, source: Path, *, is_pdf: bool) -> bytes:
    """A PDF of ``source``, of which ``result`` is the text. Words that a PDF has already are not added again.

    Raises ItemError.
    """
    if is_pdf:
        return pdfium_layer.with_text(source, {page.number: _placed(page, 1.0) for page in result.pages})
    from pillion.readers.images import decode as pictures

    numbers = pictures.pages(source)
    sheets = []
    for page in result.pages:
        number = numbers[min(page.number, len(numbers)) - 1]
        jpeg, dpi = _picture(source, (round(page.width), round(page.height)), number)
        scale = 72 / dpi
        sheets.append((jpeg, (page.width * scale, page.height * scale), _placed(page, scale)))
    return pdfium_layer.pictures_with_text(sheets)


def _placed(page: OcrPage, scale: float) -> list[Placed]:
    turned = page.rotation if page.source == "ocr" else 0
    if page.direction is Direction.DOWN:
        turned = (turned + _COLUMN) % 360
    return [
        Placed(
            word.text,
            (word.box[0] * scale, word.box[1] * scale, word.box[2] * scale, word.box[3] * scale),
            turned,
        )
        for line in page.lines
        for word in words(line)
        if word.confidence is not None
    ]


def _picture(source: Path, size: tuple[int, int], page: int) -> tuple[bytes, float]:
    """The file itself where it is a JPEG that stands upright, else its pixels as one; and its dots per inch."""
    from PIL import Image

    from pillion.readers.images import decode as pictures

    dpi = float(_DPI if max(size) >= _SCAN_SIDE else _SCREEN_DPI)
    try:
        with warnings.catch_warnings(action="ignore"), open_regular(source) as file, Image.open(file) as opened:
            said = opened.info.get("dpi", (0, 0))[0]
            dpi = float(said) if _DPI_RANGE[0] <= said <= _DPI_RANGE[1] else dpi
            if (
                opened.format == "JPEG"
                and opened.mode in ("L", "RGB")
                and opened.size == size
                and not _is_turned(opened)
            ):
                file.seek(0)
                return file.read(), dpi
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except (OSError, ValueError, TypeError, Image.DecompressionBombError):
        pass  # not a format of Pillow's
    picture = Image.fromarray(pictures.opened(source, page=page).pixels())
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    data = io.BytesIO()
    picture.convert("RGB").save(data, "JPEG", quality=_QUALITY, subsampling=0)
    return data.getvalue(), dpi


def _is_turned(picture: Image.Image) -> bool:
    return picture.getexif().get(_ORIENTATION, 1) not in (0, 1)
