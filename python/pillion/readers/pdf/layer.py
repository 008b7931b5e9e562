"""Invisible text over the pages of a PDF, so that they can be searched and copied from. Uses PDFium.

The contents of a page stay unchanged: the text is a separate content stream after the others.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError
from pillion.readers.pdf import glyphless
from pillion.readers.pdf.document import LOCK, opened
from pillion.readers.pdf.text import Box

if TYPE_CHECKING:
    import pypdfium2

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """A word. ``box`` in points of the page as shown; ``rotation``: the clockwise degrees that make it readable."""

    text: str
    box: Box
    rotation: int = 0


def with_text(path: Path, pages: Mapping[int, Sequence[Placed]]) -> bytes:
    """The PDF with words over its pages: page number, from 1 -> words. Unreadable pages are left unchanged.

    Raises ItemError: unsupported for a PDF that is protected; and as :func:`pillion.readers.pdf.document.opened`.
    """
    import pypdfium2.raw as raw

    with opened(path, forms=False) as source, LOCK:
        document = source.document
        if raw.FPDF_GetSecurityHandlerRevision(document) != -1:
            raise ItemError(ErrorClass.UNSUPPORTED, "the PDF is protected, so no text can be added to it")
        writer = _Writer(document)
        for number, words in pages.items():
            if words:
                with source.page(number - 1) as page:
                    writer.write(page.page, words)
        return _saved(document)


Sheet = tuple[bytes, tuple[float, float], Sequence[Placed]]
"""A JPEG, the size of the page that it fills in points, and the words over it."""


def pictures_with_text(sheets: Sequence[Sheet]) -> bytes:
    """A PDF of pictures with words over them, one a page. Raises ItemError (corrupt)."""
    import pypdfium2

    with LOCK:
        document = pypdfium2.PdfDocument.new()
        try:
            writer = _Writer(document)
            for jpeg, size, words in sheets:
                page = document.new_page(*size)
                picture = pypdfium2.PdfImage.new(document)
                picture.load_jpeg(io.BytesIO(jpeg), inline=True)
                picture.set_matrix(pypdfium2.PdfMatrix().scale(*size))
                page.insert_obj(picture)
                writer.write(page, words)
                page.close()
            return _saved(document)
        except pypdfium2.PdfiumError as error:
            raise ItemError(ErrorClass.CORRUPT, "the picture cannot be put into a PDF") from error
        finally:
            document.close()


def _saved(document: pypdfium2.PdfDocument) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


class _Writer:
    """Writes on pages of one document, with one font."""

    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        import pypdfium2.raw as raw

        self._document = document
        font, table = glyphless.font(), glyphless.CID_TO_GID
        self._font = raw.FPDFText_LoadCidType2Font(
            document, _bytes(font), len(font), glyphless.TO_UNICODE.encode(), _bytes(table), len(table)
        )
        if not self._font:
            raise ItemError(ErrorClass.CRASH, "PDFium does not take the font for hidden text")

    def write(self, page: pypdfium2.PdfPage, words: Sequence[Placed]) -> None:
        import pypdfium2
        import pypdfium2.raw as raw

        for word in words:
            self._put(page, word)
        if not raw.FPDFPage_GenerateContent(page):
            raise pypdfium2.PdfiumError("the text cannot be added to the page")

    def _put(self, page: pypdfium2.PdfPage, word: Placed) -> None:
        import pypdfium2.raw as raw

        codes = _utf16(word.text)
        start, along, up = (_in_file(page, point) for point in _corners(word))
        matrix = _matrix(start, along, up, len(codes))
        if not codes or matrix is None:
            return
        item = raw.FPDFPageObj_CreateTextObj(self._document, self._font, 1.0)
        raw.FPDFText_SetCharcodes(item, (ctypes.c_uint32 * len(codes))(*codes), len(codes))
        raw.FPDFTextObj_SetTextRenderMode(item, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
        raw.FPDFPageObj_SetMatrix(item, raw.FS_MATRIX(*matrix))
        raw.FPDFPage_InsertObject(page, item)


def _bytes(data: bytes) -> Any:
    return (ctypes.c_ubyte * len(data)).from_buffer_copy(data)


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-le", errors="replace")
    return [data[index] | data[index + 1] << 8 for index in range(0, len(data), 2)]


def _corners(word: Placed) -> tuple[Point, Point, Point]:
    """On the page as shown: the start and end of the word's base line, and the corner above its start."""
    left, top, right, bottom = word.box
    return {
        0: ((left, bottom), (right, bottom), (left, top)),
        90: ((right, bottom), (right, top), (left, bottom)),
        180: ((right, top), (left, top), (right, bottom)),
        270: ((left, top), (left, bottom), (right, top)),
    }[word.rotation % 360]


def _in_file(page: pypdfium2.PdfPage, point: Point) -> Point:
    """From the page as shown to the file's coordinates: the inverse of ``_shown`` in ``text``."""
    import pypdfium2.raw as raw

    rect = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page, rect)
    x, y = point
    return {
        0: (x + rect.left, rect.top - y),
        1: (y + rect.left, x + rect.bottom),
        2: (rect.right - x, y + rect.bottom),
        3: (rect.right - y, rect.top - x),
    }[raw.FPDFPage_GetRotation(page) % 4]


def _matrix(start: Point, end: Point, above: Point, count: int) -> tuple[float, ...] | None:
    """For text of size 1, scaled so that its characters reach from start to end. None if the box is empty."""
    em = glyphless.ADVANCE / glyphless.UNITS_PER_EM * count
    along = end[0] - start[0], end[1] - start[1]
    up = above[0] - start[0], above[1] - start[1]
    if not any(along) or not any(up) or not count:
        return None
    return along[0] / em, along[1] / em, *up, *start
