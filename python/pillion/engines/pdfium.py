"""PDFium through pypdfium2: pages as pixels and as text. The only importer of ``pypdfium2``."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    import pypdfium2

NAME = "pdfium"
POINTS_PER_INCH = 72
MAX_PIXELS = 16_000_000
"""No page is rendered larger, however wide it is."""


def missing() -> str | None:
    """One sentence that says what lacks and how to get it; None when all is there. Loads nothing."""
    if importlib.util.find_spec("pypdfium2") is None:
        return "the Python package pypdfium2 is not installed: run pip install pypdfium2"
    return None


def version() -> str:
    """PDFium's version, such as ``157.0.8000.0``."""
    import pypdfium2

    return str(pypdfium2.PDFIUM_INFO)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, valid while its document is open. Sizes are in points, as the page is shown (turned by /Rotate)."""

    page: pypdfium2.PdfPage

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        width, height = self.page.get_size()
        return float(width), float(height)

    def text(self) -> str:
        """The text layer in reading order, lines parted by newlines; empty when there is none."""
        textpage = self.page.get_textpage()
        try:
            text: str = textpage.get_text_range()
        finally:
            textpage.close()
        # PDFium marks a hyphen at a line's end with a non-character.
        return text.replace("\r\n", "\n").replace("\ufffe", "-").replace("\x02", "-").replace("\x00", "")

    def image_share(self) -> float:
        """How much of the page raster pictures cover at most, 0 to 1; 1 counts for anything drawn but no text."""
        import pypdfium2.raw as raw

        width, height = self.size
        covered = 0.0
        for item in self.page.get_objects(max_depth=3):
            if item.type == raw.FPDF_PAGEOBJ_IMAGE:
                left, bottom, right, top = item.get_bounds()
                covered = max(covered, abs((right - left) * (top - bottom)))
        return min(1.0, covered / max(1.0, width * height))

    def blank(self) -> bool:
        """Whether nothing at all is drawn on the page."""
        import pypdfium2.raw as raw

        return int(raw.FPDFPage_CountObjects(self.page)) == 0

    def render(self, scale: float, *, gray: bool = False) -> NDArray[np.uint8]:
        """Pixels at ``scale`` pixels per point (less on very large pages): (H, W, 3) RGB, or (H, W) gray."""
        width, height = self.size
        scale = min(scale, (MAX_PIXELS / max(1.0, width * height)) ** 0.5)
        bitmap = self.page.render(scale=scale, grayscale=gray, rev_byteorder=not gray)
        try:
            pixels = np.array(bitmap.to_numpy(), dtype=np.uint8, order="C")
        finally:
            bitmap.close()
        return pixels.reshape(pixels.shape[:2]) if gray else pixels[:, :, :3]


@dataclass(frozen=True, slots=True)
class Document:
    """An open PDF."""

    document: pypdfium2.PdfDocument

    def __len__(self) -> int:
        return len(self.document)

    @contextlib.contextmanager
    def page(self, number: int) -> Iterator[Page]:
        """The page with this number, from 0. Raises ItemError (corrupt) when it cannot be read."""
        import pypdfium2

        try:
            page = self.document[number]
        except pypdfium2.PdfiumError as error:
            raise ItemError(ErrorClass.CORRUPT, f"page {number + 1} of the PDF is damaged") from error
        try:
            yield Page(page)
        except pypdfium2.PdfiumError as error:
            raise ItemError(ErrorClass.CORRUPT, f"page {number + 1} of the PDF cannot be drawn") from error
        finally:
            page.close()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Document]:
    """The open document. Raises ItemError: unsupported when it needs a password, corrupt when it is damaged."""
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    import pypdfium2

    try:
        # A Python file: the name need not be UTF-8.
        with path.open("rb") as stream:
            try:
                document = pypdfium2.PdfDocument(stream)
            except pypdfium2.PdfiumError as error:
                raise _typed(error) from error
            try:
                if len(document) == 0:
                    raise ItemError(ErrorClass.CORRUPT, "the PDF has no pages")
                yield Document(document)
            finally:
                document.close()
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error


def _typed(error: pypdfium2.PdfiumError) -> ItemError:
    import pypdfium2.raw as raw

    if error.err_code == raw.FPDF_ERR_PASSWORD:
        return ItemError(ErrorClass.UNSUPPORTED, "the PDF needs a password")
    if error.err_code == raw.FPDF_ERR_SECURITY:
        return ItemError(ErrorClass.UNSUPPORTED, "the PDF is protected in a way that is not supported")
    return ItemError(ErrorClass.CORRUPT, "the PDF is damaged")
