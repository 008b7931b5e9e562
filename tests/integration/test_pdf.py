"""PDFs: their own text where it is real, reading where a page is a picture, and what cannot be opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import tesseract
from pillion.kinds.ocr.recognise import recognise
from pillion.kinds.ocr.result import OcrResult
from pillion.kinds.ocr.textlayer import is_text
from pillion.readers.pdf import document as pdfium
from tests.support import media


def read(path: Path) -> OcrResult:
    return recognise(path, is_pdf=True, languages=("eng",))


def test_the_text_layer_is_used(text_pdf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a page with text was rendered")

    monkeypatch.setattr(pdfium.Page, "gray", forbidden)
    result = read(text_pdf)
    assert [page.source for page in result.pages] == ["text_layer", "text_layer"]
    assert media.character_error_rate(media.PAGE_TEXT, result.pages[0].text) == 0
    assert media.character_error_rate(media.GERMAN_PAGE_TEXT, result.pages[1].text) == 0
    assert (result.engine, result.confidence) == ("pdfium", None)


def test_a_pdf_with_text_needs_no_tesseract(text_pdf: Path, scanned_pdf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in (tesseract.LIBRARY, tesseract.PROGRAM):
        monkeypatch.setattr(engine, "problem", lambda: "Tesseract is gone: run pip install tesserocr")
    assert len(read(text_pdf).pages) == 2
    with pytest.raises(ItemError, match="pip install tesserocr") as caught:
        read(scanned_pdf)
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


@pytest.mark.models
def test_a_scan_is_read(scanned_pdf: Path) -> None:
    result = read(scanned_pdf)
    (page,) = result.pages
    assert (page.source, page.unit) == ("ocr", "point")
    assert (page.width, page.height) == media.A4
    assert media.character_error_rate(media.PAGE_TEXT, result.text) <= 0.01
    assert all(word.box[2] <= page.width for line in page.lines for word in line.words)


@pytest.mark.models
def test_pages_are_treated_one_by_one(tmp_path: Path) -> None:
    blank = Image.new("L", (400, 600), 255)
    pages = [media.PAGE_TEXT, media.page(media.PAGE_TEXT, dpi=150), "", blank]
    result = read(media.write_pdf(tmp_path / "mixed.pdf", pages))
    assert [page.source for page in result.pages] == ["text_layer", "ocr", "ocr", "ocr"]
    assert [bool(page.lines) for page in result.pages] == [True, True, False, False]
    assert result.text.count("\f") == 3


@pytest.mark.models
def test_a_page_as_wide_as_a_house_takes_little_memory(tmp_path: Path) -> None:
    path = media.write_pdf(tmp_path / "wide.pdf", [Image.new("L", (400, 600), 255)], page_size=(14_000, 14_000))
    with pdfium.opened(path) as document, document.page(0) as page:
        assert page.gray(300 / 72).size <= pdfium.MAX_PIXELS * 1.01
    assert read(path).text == ""


def test_a_password_is_asked_for(encrypted_pdf: Path) -> None:
    with pytest.raises(ItemError, match="needs a password") as caught:
        read(encrypted_pdf)
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


def test_damage_is_said(tmp_path: Path, text_pdf: Path) -> None:
    path = tmp_path / "cut.pdf"
    path.write_bytes(text_pdf.read_bytes()[:300])
    with pytest.raises(ItemError) as caught:
        read(path)
    assert caught.value.error_class is ErrorClass.CORRUPT


def test_rendering_is_upright_rgb(text_pdf: Path) -> None:
    with pdfium.opened(text_pdf) as document:
        assert len(document) == 2
        with document.page(0) as page:
            colour, gray = np.asarray(page.render(1.0)), page.gray(1.0)
    assert colour.shape == (842, 595, 3)
    assert gray.shape == (842, 595)
    assert colour.flags.c_contiguous
    dark_rows = np.nonzero((gray < 128).any(axis=1))[0]
    assert 60 < dark_rows[0] < 120


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("The oldest map shows an island.", True),
        ("Page 3", True),
        ("", False),
        ("\ufffd" * 40, False),
        ("\ue012\ue044" * 20, False),
        ("漢字かな交じり文の例として十分に長い", True),
    ],
)
def test_what_counts_as_real_text(text: str, real: bool) -> None:
    assert is_text(text) is real
