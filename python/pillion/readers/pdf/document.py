"""PDFium by pypdfium2: pages as pixels and as text. Only the modules of this folder import ``pypdfium2``."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.model import NEEDS_PASSWORD
from pillion.readers.pdf import annotations as typed
from pillion.readers.pdf import text as page_text
from pillion.readers.pdf.annotations import Annotations, Xfa
from pillion.readers.pdf.text import Box, Drawn, TextLayer
from pillion.readers.source import open_regular

if TYPE_CHECKING:
    import numpy as np
    import pypdfium2
    from numpy.typing import NDArray

NAME = "pdfium"
POINTS_PER_INCH = 72
MAX_PIXELS = 16_000_000
"""No page is rendered larger, however wide it is."""

_REPAIR_BYTES = 256 << 20
_CATALOG = re.compile(rb"\b(\d+)\s+(\d+)\s+obj\s*<<[^>]{0,200}?/Type\s*/Catalog\b")

LOCK = threading.RLock()
"""PDFium works in one thread at a time. Callers hold this lock, for no longer than one call."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    if importlib.util.find_spec("pypdfium2") is None:
        return "the Python package pypdfium2 is not installed: run pip install pypdfium2"
    return None


def version() -> str:
    """PDFium's version, such as ``157.0.8000.0``."""
    import pypdfium2

    return str(pypdfium2.PDFIUM_INFO)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, valid while its document is open. Sizes are in points, as the page is shown (rotated by /Rotate)."""

    page: pypdfium2.PdfPage

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        with LOCK:
            width, height = self.page.get_size()
        return float(width), float(height)

    def text(self) -> TextLayer:
        """The text layer, character by character, in reading order."""
        with LOCK:
            return page_text.text_layer(self.page)

    def drawn(self, text: TextLayer) -> Drawn:
        """What is on the page besides visible text."""
        with LOCK:
            return page_text.drawn(self.page, text)

    def annotations(self) -> Annotations:
        """What is drawn and written over the page."""
        with LOCK:
            return typed.seen(self.page)

    def flatten(self) -> bool:
        """Make what is drawn over the page a part of it, for whoever opens it next; whether there was anything."""
        with LOCK:
            return typed.flatten(self.page)

    def render(self, scale: float) -> memoryview:
        """RGB pixels, shape (H, W, 3), at ``scale`` pixels per point (less on very large pages).

        The text boxes that have no appearance get one of the lines that fit into them: what is read of the page is not
        broken into these lines, if it is read before.
        """
        scale = _bounded(scale, self.size)
        with LOCK:
            typed.draw_text_boxes(self.page)
            bitmap = self.page.render(scale=scale, rev_byteorder=True)
            try:
                return _rgb(bitmap)
            finally:
                bitmap.close()

    def gray(self, scale: float, box: Box | None = None, *, until: float = math.inf) -> NDArray[np.uint8]:
        """Gray pixels of the page, or of ``box`` in points, shape (H, W); ``scale`` as for :meth:`render`.

        Raises ItemError (timeout) if rendering is not done at ``until``, by the monotonic clock.
        """
        extras.require("ocr", "pictures of text", "numpy")
        import numpy as np

        size = self.size
        left, top, right, bottom = box or (0.0, 0.0, *size)
        scale = _bounded(scale, (right - left, bottom - top))
        width, height = (max(1, math.ceil(side * scale)) for side in (right - left, bottom - top))
        pixels = np.full((height, width), 255, dtype=np.uint8)
        area = (-round(left * scale), -round(top * scale), math.ceil(size[0] * scale), math.ceil(size[1] * scale))
        with LOCK:
            _draw(self.page, pixels, area, until)
        return pixels


def _rgb(bitmap: pypdfium2.PdfBitmap) -> memoryview:
    """A copy without what pads the rows."""
    if bitmap.n_channels != 3:
        raise ItemError(ErrorClass.CRASH, f"PDFium drew {bitmap.n_channels} channels instead of 3")
    length, data = 3 * bitmap.width, bytes(bitmap.buffer)
    if bitmap.stride != length:
        starts = range(0, bitmap.height * bitmap.stride, bitmap.stride)
        data = b"".join([data[start : start + length] for start in starts])
    return memoryview(data[: length * bitmap.height]).cast("B", (bitmap.height, bitmap.width, 3))


def _bounded(scale: float, size: tuple[float, float]) -> float:
    return float(min(scale, (MAX_PIXELS / max(1.0, size[0] * size[1])) ** 0.5))


def _draw(page: pypdfium2.PdfPage, pixels: NDArray[np.uint8], area: tuple[int, int, int, int], until: float) -> None:
    """Render the page into ``pixels`` (H, W). ``area``: the whole page's place in them, as x, y, width, height."""
    import pypdfium2
    import pypdfium2.raw as raw

    height, width = pixels.shape
    bitmap = raw.FPDFBitmap_CreateEx(width, height, raw.FPDFBitmap_Gray, pixels.ctypes.data, width)
    if not bitmap:
        raise ItemError(ErrorClass.OOM, "there is no memory for the pixels of a page")
    pause = raw.IFSDK_PAUSE(version=1)
    pause.NeedToPauseNow = type(pause.NeedToPauseNow)(lambda _: time.monotonic() > until)
    try:
        status = raw.FPDF_RenderPageBitmap_Start(
            bitmap, page, *area, 0, raw.FPDF_ANNOT | raw.FPDF_GRAYSCALE, ctypes.byref(pause)
        )
        raw.FPDF_RenderPage_Close(page)
    finally:
        raw.FPDFBitmap_Destroy(bitmap)
    if status == raw.FPDF_RENDER_TOBECONTINUED:
        raise ItemError(ErrorClass.TIMEOUT, "the page takes too long to draw")
    if status != raw.FPDF_RENDER_DONE:
        raise pypdfium2.PdfiumError("the page cannot be drawn")


@dataclass(frozen=True, slots=True)
class Document:
    """An open PDF. ``repaired``: the file is truncated, and what is left of it was opened."""

    document: pypdfium2.PdfDocument
    repaired: bool = False

    def __len__(self) -> int:
        return len(self.document)

    @property
    def xfa(self) -> Xfa:
        """Whether it has a form in XFA."""
        with LOCK:
            return typed.xfa(self.document)

    def xfa_values(self) -> list[tuple[str, str]]:
        """Name and value of the filled fields of its XFA form."""
        with LOCK:
            return typed.xfa_values(self.document)

    @contextlib.contextmanager
    def page(self, number: int) -> Iterator[Page]:
        """The page with this number, from 0. Raises ItemError (corrupt) if it cannot be read."""
        import pypdfium2

        with LOCK:
            try:
                page = self.document[number]
            except pypdfium2.PdfiumError as error:
                raise ItemError(ErrorClass.CORRUPT, f"page {number + 1} of the PDF is damaged") from error
        try:
            yield Page(page)
        except pypdfium2.PdfiumError as error:
            raise ItemError(ErrorClass.CORRUPT, f"page {number + 1} of the PDF cannot be drawn") from error
        finally:
            with LOCK:
                page.close()


PASSWORDS_VARIABLE = "PILLION_PDF_PASSWORDS"
"""Names the password file where nothing else does."""
_MAX_PASSWORD_BYTES = 1 << 16


@contextlib.contextmanager
def opened(path: Path, passwords: str | None = None, *, forms: bool = True) -> Iterator[Document]:
    """The open document. Raises ItemError: unsupported if it needs a password, corrupt if it is damaged.

    ``passwords``: a file with a password on each line, tried in order where one is needed. ``forms``: whether the
    values of forms are drawn.
    """
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    import pypdfium2

    try:
        # A Python file, because its name may not be UTF-8.
        with open_regular(path) as stream:
            repaired = False
            with LOCK:
                try:
                    document = pypdfium2.PdfDocument(stream)
                except pypdfium2.PdfiumError as error:
                    document, repaired = _opened_otherwise(stream, error, passwords)
            try:
                if forms:
                    with LOCK:
                        typed.fill_forms(document)
                if len(document) == 0:
                    raise ItemError(ErrorClass.CORRUPT, "the PDF has no pages")
                yield Document(document, repaired)
            finally:
                with LOCK:
                    document.close()
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error


def _opened_otherwise(
    stream: BinaryIO, error: pypdfium2.PdfiumError, passwords: str | None
) -> tuple[pypdfium2.PdfDocument, bool]:
    """With a password or mended, and which of them it was. Raises ItemError."""
    import pypdfium2.raw as raw

    if error.err_code != raw.FPDF_ERR_PASSWORD:
        return _repaired(stream, error), True
    return _unlocked(stream, passwords or os.environ.get(PASSWORDS_VARIABLE)), False


def _unlocked(stream: BinaryIO, passwords: str | None) -> pypdfium2.PdfDocument:
    """Opened with one of the passwords, which no message ever has."""
    import pypdfium2
    import pypdfium2.raw as raw

    if passwords is None:
        raise ItemError(ErrorClass.UNSUPPORTED, NEEDS_PASSWORD)
    try:
        with open(passwords, "rb") as file:
            lines = file.read(_MAX_PASSWORD_BYTES).splitlines()
    except OSError as error:
        why = f"{NEEDS_PASSWORD}, and the password file cannot be read ({error.strerror})"
        raise ItemError(ErrorClass.UNSUPPORTED, why) from None
    for line in filter(None, lines):
        try:
            stream.seek(0)
            return pypdfium2.PdfDocument(stream, password=line.decode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            continue
        except pypdfium2.PdfiumError as error:
            if error.err_code != raw.FPDF_ERR_PASSWORD:
                raise _typed(error) from None
    raise ItemError(ErrorClass.UNSUPPORTED, f"{NEEDS_PASSWORD}, and no line of the password file opens it")


def _repaired(stream: BinaryIO, error: pypdfium2.PdfiumError) -> pypdfium2.PdfDocument:
    """A truncated file, up to its last complete object, with a new trailer that names its catalog.

    PDFium finds the other objects by itself.
    """
    import pypdfium2
    import pypdfium2.raw as raw

    stream.seek(0)
    data = stream.read(_REPAIR_BYTES + 1) if error.err_code == raw.FPDF_ERR_FORMAT else b""
    catalogs = _CATALOG.findall(data)
    if not catalogs or len(data) > _REPAIR_BYTES:
        raise _typed(error) from error
    whole = data[: data.rfind(b"endobj") + len(b"endobj")]
    try:
        return pypdfium2.PdfDocument(whole + b"\ntrailer\n<< /Root %s %s R >>\n%%%%EOF\n" % catalogs[-1])
    except pypdfium2.PdfiumError:
        raise _typed(error) from error


def _typed(error: pypdfium2.PdfiumError) -> ItemError:
    import pypdfium2.raw as raw

    if error.err_code == raw.FPDF_ERR_PASSWORD:
        return ItemError(ErrorClass.UNSUPPORTED, NEEDS_PASSWORD)
    if error.err_code == raw.FPDF_ERR_SECURITY:
        return ItemError(ErrorClass.UNSUPPORTED, "the PDF is protected in a way that is not supported")
    return ItemError(ErrorClass.CORRUPT, "the PDF is damaged")
